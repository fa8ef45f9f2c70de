"""What the customer collects, previews and exports."""
