-- Clients in browsers, behind a proxy and on a port of their own.
modules_enabled = { "bosh", "http_openmetrics", "net_multiplex" }
trusted_proxies = { "127.0.0.1", "10.0.0.0/8" }
openmetrics_allow_ips = { "192.0.2.7" }
http_external_url = "https://chat.example/"
http_ports = { 5280, 5380 }
https_ports = { 5281 }
https_interfaces = { "*" }
https_ssl = { certificate = "web.crt"; key = "web.key" }
cross_domain_bosh = { "https://web.example" }
consider_bosh_secure = true
http_files_dir = "/srv/www"
bosh_max_wait = 90
bosh_max_inactivity = 45
bosh_max_requests = 3
ports = { 443 }
VirtualHost "chat.example"
