"""The customer's tower: admit, load, plan, approve, apply; collect, preview, export."""
