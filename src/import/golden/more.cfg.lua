pidfile = "/run/prosody.pid"
VirtualHost "included.example"
	ssl = { certificate = "included.crt", key = "included.key" }
