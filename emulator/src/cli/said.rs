//! What the program says when it is ready.

use std::io::Write as _;
use std::net::IpAddr;

use serde_json::json;

use super::EmulatorArgs;
use crate::server::Emulator;

/// Says who else can reach the service, where it listens beyond this machine.
pub(super) fn warn_of_others(host: IpAddr) -> std::io::Result<()> {
    if host.to_canonical().is_loopback() {
        return Ok(());
    }
    writeln!(
        std::io::stderr(),
        "warning: the service listens on {host}, so other computers can speak with it, without encryption and with keys \
         that are printed here; the console's address has the token that controls the service, and is not for others"
    )?;
    if host.is_unspecified() {
        let shown = if host.is_ipv4() { "127.0.0.1" } else { "[::1]" };
        let text = format!(
            "other computers use this machine's own address or name in place of {shown} in the addresses that are printed"
        );
        writeln!(std::io::stderr(), "{text}")?;
    }
    Ok(())
}

/// Says when the state can no longer be kept in its file, and when it can again. Never ends.
pub(super) async fn tell_of_state_trouble(emulator: &Emulator) {
    let mut known = None;
    loop {
        known = emulator.state_trouble_other_than(known).await;
        let line = match &known {
            Some(why) => format!("warning: {why}; until it can be written, what happens is in memory alone"),
            None => "the state is kept in its file again".to_owned(),
        };
        // Without a standard error it cannot be told.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

impl Emulator {
    /// Opens the [console](Emulator::console_url) in the browser. Its token does not go along, since every user of this
    /// computer could read it among the browser's arguments: the page asks for it.
    pub fn open_console(&self) -> std::io::Result<()> {
        open::that_detached(self.console_url().split('#').next().unwrap_or_default())
    }
}

/// Opens the console in the browser. Without a browser the emulator runs all the same.
pub(super) fn open_console(emulator: &Emulator) -> std::io::Result<()> {
    match emulator.open_console() {
        Ok(()) => Ok(()),
        Err(error) => {
            let url = emulator.console_url();
            writeln!(std::io::stderr(), "no browser could be opened ({error}); the console is at {url}")
        }
    }
}

pub(super) fn announce(emulator: &Emulator, args: &EmulatorArgs) -> std::io::Result<()> {
    let as_json = args.json;
    let (base_url, api_key, control_url) = (emulator.base_url(), emulator.api_key(), emulator.control_url());
    let lab_base_url = emulator.lab_base_url();
    let (client_id, client_secret) = (emulator.client_id(), emulator.client_secret());
    let mut out = std::io::stdout().lock();
    if as_json {
        // One by one, so that the line reads in this order.
        let fields = [
            ("base_url", base_url),
            ("api_key", api_key),
            ("control_url", control_url),
            ("lab_base_url", lab_base_url),
            ("client_id", &client_id),
            ("client_secret", &client_secret),
            ("console_url", emulator.console_url()),
        ];
        let fields = fields.map(|(name, value)| format!("\"{name}\":{}", json!(value)));
        writeln!(out, "{{{}}}", fields.join(","))?;
    } else {
        // The page takes the token from its address, where it is never sent; the terminal is its user's own.
        let console_url = emulator.console_url();
        let shown = if emulator.control_token().is_some() { " -H 'Authorization: Bearer TOKEN'" } else { "" };
        let others: String = emulator.api_keys().iter().skip(1).map(|key| format!(", {key}")).collect();
        writeln!(
            out,
            "The SecondMe emulator is ready. Ctrl-C stops it.

  base URL     {base_url}
  API key      {api_key}{others}
  Visitor Chat {lab_base_url}, client id {client_id}, client secret {client_secret}
  console      {console_url}
  control API  {control_url}

Try it:

  curl -X POST {base_url}/rest/open/avatar/auth \\
    -H 'Authorization: Bearer {api_key}' -H 'Content-Type: application/json' \\
    -d '{{\"visitorId\": \"web_6ba7b810-9dad-11d1-80b4-00c04fd430c8\"}}'

  curl{shown} {control_url}/state
"
        )?;
    }
    out.flush()
}
