// The registry of docker/distribution 2.8 as the tests need it: its own handlers over plain HTTP, with
// data in files and passwords in htpasswd.
//
// The project's own command also links the storage of six clouds and a certificate client, by
// modules without versions that no proxy has to have any more.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/docker/distribution/configuration"
	"github.com/docker/distribution/context"
	"github.com/docker/distribution/registry/handlers"
	"github.com/docker/distribution/version"
	"github.com/sirupsen/logrus"

	_ "github.com/docker/distribution/registry/auth/htpasswd"
	_ "github.com/docker/distribution/registry/storage/driver/filesystem"
)

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "--version":
		fmt.Println("registry", version.Package, version.Version)
	case len(os.Args) == 3 && os.Args[1] == "serve":
		log.Fatal(serve(os.Args[2]))
	default:
		log.Fatal("usage: registry-2 serve CONFIGURATION | registry-2 --version")
	}
}

func serve(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	config, err := configuration.Parse(file)
	if err != nil {
		return err
	}
	if config.HTTP.TLS.Certificate != "" {
		return fmt.Errorf("%s: this one speaks plain HTTP alone", path)
	}
	level, err := logrus.ParseLevel(string(config.Log.Level))
	if err != nil {
		return err
	}
	logrus.SetLevel(level)
	listener, err := net.Listen("tcp", config.HTTP.Addr)
	if err != nil {
		return err
	}
	app := handlers.NewApp(context.WithVersion(context.Background(), version.Version), config)
	return http.Serve(listener, app)
}
