//! A real proxy: Debian's `tinyproxy`.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::tls::file;

/// A proxy that runs until this is dropped, and writes down the requests.
pub(crate) struct Tinyproxy {
    process: Child,
    pub(crate) address: SocketAddr,
    log: PathBuf,
    settings: PathBuf,
}

impl Tinyproxy {
    /// `None`: it is not installed, and these tests are left out. In CI that is a failure.
    pub(crate) async fn start(settings: &str) -> Option<Self> {
        let (log, file) = (file("tinyproxy.log"), file("tinyproxy.conf"));
        // It takes no port 0.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let written = format!(
            "Listen 127.0.0.1\nPort {}\nLogFile \"{}\"\nLogLevel Connect\nTimeout 60\nMaxClients 20\n{settings}\n",
            address.port(),
            log.display()
        );
        std::fs::write(&file, written).unwrap();
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let process = match command.spawn() {
            Ok(process) => process,
            Err(error) => {
                assert!(
                    std::env::var("CI").as_deref() != Ok("true"),
                    "tinyproxy cannot be started ({error}): apt-get install tinyproxy"
                );
                eprintln!("skipped: tinyproxy cannot be started ({error}): apt-get install tinyproxy");
                return None;
            }
        };
        let proxy = Self { process, address, log, settings: file };
        tokio::time::timeout(Duration::from_secs(10), proxy.takes_connections()).await.unwrap();
        Some(proxy)
    }

    /// Its address with these credentials (`user:password@`, or nothing).
    pub(crate) fn url(&self, credentials: &str) -> String {
        format!("http://{credentials}{}", self.address)
    }

    /// The requests that it has got, as `CONNECT host:port HTTP/1.1`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let requests = log.lines().filter(|line| line.contains("Request (file descriptor"));
        requests.filter_map(|line| Some(line.split_once("): ")?.1.to_owned())).collect()
    }

    async fn takes_connections(&self) {
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            // A process of its own, which does not say when it is ready.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for file in [&self.log, &self.settings] {
            let _ = std::fs::remove_file(file);
        }
    }
}
