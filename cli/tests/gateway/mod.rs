//! A gateway under test, and a client of it.

use std::process::Stdio;

use secondme_avatar_emulator::Emulator;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::task::JoinHandle;

use crate::support::{DEADLINE, avatar};

/// A running `avatar serve`. Dropped, it is killed.
pub struct Gateway {
    child: Child,
    stdin: Option<ChildStdin>,
    /// What it logs. Read at once, or a full pipe would hold it up.
    log: JoinHandle<String>,
    pub base: String,
    http: reqwest::Client,
}

/// What it answered.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Gateway {
    pub async fn start(emulator: &Emulator, args: &[&str]) -> Self {
        Self::with(emulator, args, &[]).await
    }

    pub async fn with(emulator: &Emulator, args: &[&str], env: &[(&str, &str)]) -> Self {
        let all = [&["serve", "--port", "0", "--json", "--until-stdin-ends"], args].concat();
        let mut command = avatar(&all);
        command.env("SECONDME_BASE_URL", emulator.base_url()).env("SECONDME_API_KEY", emulator.api_key());
        command.envs(env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        tokio::time::timeout(DEADLINE, out.read_line(&mut said)).await.expect("it does not start").unwrap();
        let ready: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        let base = ready["base_url"].as_str().unwrap().trim_end_matches("/v1").to_owned();
        // Another test may have chosen it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let mut err = child.stderr.take().unwrap();
        let log = tokio::spawn(async move {
            let mut log = String::new();
            err.read_to_string(&mut log).await.unwrap();
            log
        });
        Self { stdin: child.stdin.take(), child, log, base, http }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Self::read(self.http.get(format!("{}{path}", self.base))).await
    }

    pub async fn options(&self, path: &str, headers: &[(&str, String)]) -> Answer {
        let request = self.http.request(reqwest::Method::OPTIONS, format!("{}{path}", self.base));
        Self::read(headers.iter().fold(request, |request, (name, value)| request.header(*name, value))).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Self::read(self.http.delete(format!("{}{path}", self.base))).await
    }

    /// An answer that is read as it comes.
    pub async fn open(&self, path: &str, body: Option<Value>) -> reqwest::Response {
        let url = format!("{}{path}", self.base);
        let request = match body {
            Some(body) => self.http.post(url).body(body.to_string()),
            None => self.http.get(url),
        };
        request.send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_with(path, body, &[]).await
    }

    pub async fn post_with(&self, path: &str, body: Value, headers: &[(&str, String)]) -> Answer {
        let request =
            self.http.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        Self::read(request.body(body.to_string())).await
    }

    pub async fn read(request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.text().await.unwrap() }
    }

    /// A field of its memory, in MB.
    #[cfg(target_os = "linux")]
    pub fn memory(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        let kilobytes: f64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes / 1024.0
    }

    /// Kills it.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Stops it in good order, and returns all that it has logged.
    pub async fn log(mut self) -> String {
        drop(self.stdin.take());
        let log = tokio::time::timeout(DEADLINE, self.log).await.expect("it does not stop").unwrap();
        assert!(self.child.wait().await.unwrap().success(), "{log}");
        log
    }
}

/// Reads on until there is this text. Returns all of it.
pub async fn until(response: &mut reqwest::Response, wanted: &str) -> String {
    // A chunk may end within a letter.
    let mut bytes = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&bytes).contains(wanted) {
            let chunk = response.chunk().await.unwrap();
            bytes.extend(
                chunk.unwrap_or_else(|| panic!("no {wanted} in {}", String::from_utf8_lossy(&bytes))),
            );
        }
    };
    tokio::time::timeout(DEADLINE, read).await.unwrap_or_else(|_| panic!("no {wanted}"));
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The text of a chat completion.
pub fn content(answer: &Answer) -> String {
    answer.json()["choices"][0]["message"]["content"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.body))
        .to_owned()
}

/// A chat completion of one message.
pub fn ask(user: &str, text: &str) -> Value {
    json!({"model": "avatar", "user": user, "messages": [{"role": "user", "content": text}]})
}

/// The text of a streamed chat completion.
pub fn pieces(body: &str) -> String {
    let chunks = body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    chunks
        .filter_map(|data| {
            let chunk: Value = serde_json::from_str(data).unwrap();
            chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
        })
        .collect()
}
