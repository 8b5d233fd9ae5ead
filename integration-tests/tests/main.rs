//! One binary for all black-box tests; a module per feature.

mod blocking;
mod clients;
mod closing;
mod commands;
mod connections;
mod crash;
mod firewall;
mod first_start;
mod hostile;
mod hosts;
mod limits;
mod login;
mod messages;
mod offline;
mod presence;
mod registration;
mod regression;
mod reload;
mod roster;
mod scram_tampering;
mod services;
mod smuggling;
mod subscription;
mod supervision;
mod timeouts;
mod tls;
