//! The command line: options, and running until told to stop.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::brain::{Brain, OpenAi, Script, ScriptError, Secret};
use crate::profile::{InvalidProfile, Profile};
use crate::server::{Emulator, EmulatorBuilder, StartError};
use crate::service::{App, Avatar, Fault, Key, Millis, Settings, TokenStanding, UserToken};

mod switches;

pub use switches::SwitchArgs;

/// How long the avatar thinks, and takes for a piece, where people watch.
const WATCHED_REPLY_DELAY: Millis = Millis(250);
const WATCHED_PIECE_DELAY: Millis = Millis(40);

/// Options of the emulator.
#[derive(Debug, Clone, clap::Args)]
pub struct EmulatorArgs {
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Address to listen on. The control API answers on loopback, wherever the service listens
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// What every call of the control API has to show, as `Authorization: Bearer TOKEN`; for computers with other
    /// users. In the environment they cannot read it; among the arguments they can
    #[arg(long, value_name = "TOKEN", env = "SECONDME_EMULATOR_TOKEN", hide_env_values = true, value_parser = control_token)]
    pub token: Option<Secret>,
    /// Print one line of JSON with base_url, api_key, lab_base_url, client_id, client_secret and control_url
    /// when ready
    #[arg(long)]
    pub json: bool,
    /// Stop when standard input ends, and so with the program that started this, however that ends
    #[arg(long)]
    pub until_stdin_ends: bool,
    /// All settings from a file in YAML or JSON; the other options overrule it
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Behave as the service that `avatar survey` has seen; switches among the other options overrule it
    #[arg(long, value_name = "service.toml")]
    pub profile: Option<PathBuf>,
    /// What answers: `echo`, `demo`, `openai`, or a script file in YAML [default: echo]
    #[arg(long, value_name = "echo|demo|openai|FILE.yaml")]
    pub brain: Option<String>,
    /// The OpenAI-compatible endpoint of `--brain openai`; its key is read from OPENAI_API_KEY
    #[arg(long, value_name = "URL", env = "OPENAI_BASE_URL", hide_env_values = true)]
    pub openai_url: Option<String>,
    /// The model that `--brain openai` asks for
    #[arg(long, value_name = "MODEL")]
    pub openai_model: Option<String>,
    /// What the model is told about itself
    #[arg(long, value_name = "TEXT")]
    pub openai_system: Option<String>,
    /// Delay of every HTTP answer and handshake, for example 100ms
    #[arg(long, value_name = "TIME")]
    pub latency: Option<Millis>,
    /// Time from one piece of a reply to the next [default: 40ms]
    #[arg(long, value_name = "TIME")]
    pub piece_delay: Option<Millis>,
    /// Time before the first piece of a reply [default: 250ms]
    #[arg(long, value_name = "TIME")]
    pub reply_delay: Option<Millis>,
    /// The API key to accept; it must begin with sk-
    #[arg(long, value_name = "sk-…")]
    pub api_key: Option<String>,
    /// One more API key, and the share code of its avatar, which is created if it does not exist; may be
    /// given several times
    #[arg(long = "key", value_name = "sk-…[=SHARE-CODE]")]
    pub keys: Vec<String>,
    /// The client id of the app of Visitor Chat [default: emulator-app]
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The client secret of the app of Visitor Chat [default: emulator-secret]
    #[arg(long, value_name = "SECRET")]
    pub client_secret: Option<String>,
    /// An access token of a user of Visitor Chat, and the user's name; may be given several times
    #[arg(long = "user-token", value_name = "lba_at_…[=USER]")]
    pub user_tokens: Vec<String>,
    /// What the avatar says first
    #[arg(long, value_name = "TEXT")]
    pub opening: Option<String>,
    /// The avatar's name
    #[arg(long, value_name = "NAME")]
    pub avatar_name: Option<String>,
    /// Seed of every id that is given out
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Something that goes wrong on purpose, for example '{"at": "message/send", "do": "cut-after"}';
    /// may be given several times
    #[arg(long = "fault", value_name = "JSON")]
    pub faults: Vec<Fault>,
    /// The open questions about the service
    #[command(flatten)]
    pub switches: SwitchArgs,
}

/// Why the emulator did not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A script or settings file cannot be opened.
    #[error("cannot read {path}: {source}; {takes}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
        /// What the option takes.
        takes: &'static str,
    },
    /// The script file is not valid.
    #[error("{path}: {source}")]
    Script {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ScriptError,
    },
    /// The settings file is not valid.
    #[error("{path}: {why}")]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The profile is not valid.
    #[error("{path}: {source}")]
    Profile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: InvalidProfile,
    },
    /// The brain needs an option that is not there.
    #[error("--brain openai needs --openai-model, and --openai-url if it is not OpenAI's own endpoint")]
    NoModel,
    /// Its addresses could not be printed, or a signal not be waited for.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl EmulatorArgs {
    /// The emulator these options describe.
    pub fn builder(&self) -> Result<EmulatorBuilder, RunError> {
        let mut builder = Emulator::builder().host(self.host).port(self.port).seed(self.seed);
        builder = builder.configure(|settings| {
            settings.reply_delay = WATCHED_REPLY_DELAY;
            settings.piece_delay = WATCHED_PIECE_DELAY;
        });
        if let Some(path) = &self.settings {
            builder = builder.settings(Self::settings_in(path)?);
        }
        if let Some(path) = &self.profile {
            let text = read(path, "--profile takes the path of a file that `avatar survey` has written")?;
            let wrong = |source| RunError::Profile { path: path.clone(), source };
            builder = builder.profile(&Profile::parse(&text).map_err(wrong)?);
        }
        builder = builder.configure(|settings| {
            settings.reply_delay = self.reply_delay.unwrap_or(settings.reply_delay);
            settings.piece_delay = self.piece_delay.unwrap_or(settings.piece_delay);
            settings.latency = self.latency.unwrap_or(settings.latency);
            self.switches.apply(settings);
        });
        if let Some(token) = &self.token {
            builder = builder.control_token(token.expose());
        }
        if let Some(brain) = &self.brain {
            builder = builder.brain(self.brain(brain)?);
        }
        if let Some(key) = &self.api_key {
            builder = builder.api_key(key);
        }
        builder = builder.configure(|settings| {
            self.add_keys(settings);
            self.add_app(settings);
        });
        // After the script's own, which these are to overrule.
        if let Some(name) = &self.avatar_name {
            builder = builder.avatar_name(name);
        }
        if let Some(opening) = &self.opening {
            builder = builder.opening(opening);
        }
        Ok(self.faults.iter().cloned().fold(builder, EmulatorBuilder::fault))
    }

    /// The settings of a file, over those of people who watch.
    fn settings_in(path: &Path) -> Result<Settings, RunError> {
        let text = read(path, "--settings takes the path of a YAML or JSON file")?;
        let wrong = |why: String| RunError::Settings { path: path.to_owned(), why };
        let changes = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let watched = Settings::default().reply_delay(WATCHED_REPLY_DELAY).piece_delay(WATCHED_PIECE_DELAY);
        let mut settings = watched.changed(changes).map_err(|error| wrong(error.to_string()))?;
        if let Brain::OpenAi(endpoint) = &mut settings.brain
            && endpoint.key.is_none()
        {
            endpoint.key = openai_key();
        }
        Ok(settings)
    }

    fn brain(&self, name: &str) -> Result<Brain, RunError> {
        match name {
            "echo" => Ok(Brain::Echo),
            "demo" => Ok(Brain::demo()),
            "openai" => {
                let model = self.openai_model.as_ref().ok_or(RunError::NoModel)?;
                let mut endpoint = OpenAi::new(model);
                if let Some(url) = &self.openai_url {
                    endpoint.url.clone_from(url);
                }
                endpoint.system.clone_from(&self.openai_system);
                endpoint.key = openai_key();
                Ok(Brain::OpenAi(endpoint))
            }
            path => {
                let path = PathBuf::from(path);
                let text = read(&path, "--brain takes echo, demo, openai, or the path of a YAML file")?;
                match Script::parse(&text) {
                    Err(source) => Err(RunError::Script { path, source }),
                    Ok(script) => Ok(script.into()),
                }
            }
        }
    }

    /// The app and the tokens of Visitor Chat.
    fn add_app(&self, settings: &mut Settings) {
        if settings.apps.is_empty() && (self.client_id.is_some() || self.client_secret.is_some()) {
            settings.apps.push(App::default());
        }
        if let Some(app) = settings.apps.first_mut() {
            app.client_id = self.client_id.clone().unwrap_or_else(|| app.client_id.clone());
            app.client_secret = self.client_secret.clone().unwrap_or_else(|| app.client_secret.clone());
        }
        for written in &self.user_tokens {
            let (token, user) = written.split_once('=').unwrap_or((written, "user"));
            let (token, user) = (token.to_owned(), user.to_owned());
            settings.user_tokens.push(UserToken { token, user, standing: TokenStanding::Live });
        }
    }

    /// The keys of `--key`. Alone they stand in the place of the default; each new share code brings
    /// an avatar of its own.
    fn add_keys(&self, settings: &mut Settings) {
        if !self.keys.is_empty() && self.api_key.is_none() && self.settings.is_none() {
            settings.keys.clear();
        }
        for written in &self.keys {
            let first = settings.avatars.first().map(|avatar| avatar.share_code.clone());
            let (key, share_code) = match written.split_once('=') {
                Some((key, share_code)) => (key, share_code.to_owned()),
                None => (written.as_str(), first.unwrap_or_default()),
            };
            if !settings.avatars.iter().any(|avatar| avatar.share_code == share_code) {
                let number = settings.avatars.len() as u64;
                settings.avatars.push(Avatar::numbered(&share_code, number));
            }
            settings.keys.push(Key { key: key.to_owned(), share_code, disabled: false });
        }
    }
}

/// A token that a header can carry.
fn control_token(text: &str) -> Result<Secret, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a token is of visible ASCII characters, and has no space".to_owned());
    }
    Ok(Secret::new(text))
}

/// The key of the endpoint, which is not for the command line: there every user of the machine could read it.
fn openai_key() -> Option<Secret> {
    std::env::var("OPENAI_API_KEY").ok().filter(|key| !key.is_empty()).map(Secret::new)
}

/// Runs an emulator until Ctrl-C or SIGTERM. Must be called within a tokio runtime.
pub async fn run(args: EmulatorArgs) -> Result<(), RunError> {
    // Before the line that says it is ready, or a signal right after that line would kill it.
    let asked_to_stop = StopSignal::listen()?;
    let emulator = args.builder()?.start().await?;
    announce(&emulator, &args)?;
    warn_of_others(args.host)?;
    tokio::select! {
        () = asked_to_stop.wait() => {}
        () = stdin_ends(), if args.until_stdin_ends => {}
    }
    emulator.stop().await;
    Ok(())
}

/// Read on a thread of its own: there it may block for as long as it likes.
async fn stdin_ends() {
    let (tell, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // An error is an end as well.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        // The receiver is gone if a signal was faster.
        let _ = tell.send(());
    });
    let _ = ended.await;
}

fn read(path: &Path, takes: &'static str) -> Result<String, RunError> {
    let failed = |source| RunError::File { path: path.to_owned(), source, takes };
    std::fs::read_to_string(path).map_err(failed)
}

/// Says who else can reach the service, where it listens beyond this machine.
fn warn_of_others(host: IpAddr) -> std::io::Result<()> {
    if host.to_canonical().is_loopback() {
        return Ok(());
    }
    writeln!(
        std::io::stderr(),
        "warning: the service listens on {host}, so other computers can speak with it, without encryption and with keys \
         that are printed here; the control API answers on loopback alone"
    )
}

fn announce(emulator: &Emulator, args: &EmulatorArgs) -> std::io::Result<()> {
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
        ];
        let fields = fields.map(|(name, value)| format!("\"{name}\":{}", json!(value)));
        writeln!(out, "{{{}}}", fields.join(","))?;
    } else {
        // The page takes it from the address, where it is never sent; the terminal is its user's own.
        let token = args.token.as_ref().map(Secret::expose);
        let fragment = token.map(|token| format!("#{token}")).unwrap_or_default();
        let shown = if token.is_some() { " -H 'Authorization: Bearer TOKEN'" } else { "" };
        let others: String = emulator.api_keys().iter().skip(1).map(|key| format!(", {key}")).collect();
        writeln!(
            out,
            "The SecondMe emulator is ready. Ctrl-C stops it.

  base URL     {base_url}
  API key      {api_key}{others}
  Visitor Chat {lab_base_url}, client id {client_id}, client secret {client_secret}
  console      {control_url}/{fragment}
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

#[cfg(unix)]
struct StopSignal {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignal {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct StopSignal;

#[cfg(not(unix))]
impl StopSignal {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn wait(self) {
        // Without a signal to wait for, it runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
