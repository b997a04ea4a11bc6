"""The service over HTTP: two vendors' wire forms in front of `service.hosted.Hosted`. The only asynchronous room."""
