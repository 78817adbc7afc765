//! The command line: options, and running until told to stop.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::brain::{Brain, OpenAi, Script, ScriptError, Secret};
use crate::profile::{InvalidProfile, Profile};
use crate::server::{Emulator, EmulatorBuilder, StartError, StateFileError};
use crate::service::{App, Avatar, Fault, Key, Millis, Settings, TokenStanding, UserToken};

mod journal;
mod said;
mod settings_file;
mod stop;
mod switches;

use journal::JournalFile;
use said::{announce, open_console, tell_of_state_trouble, warn_of_others};
use stop::{StopSignal, stdin_ends};
pub use switches::SwitchArgs;

/// How long the avatar thinks, and takes for a piece, where people watch; a program that started it does not wait.
const WATCHED: (Millis, Millis) = (Millis(250), Millis(40));

/// Options of the emulator.
#[derive(Debug, Clone, clap::Args)]
pub struct EmulatorArgs {
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Address to listen on. Beyond loopback the control API and the console want a token: that of --token, or a random
    /// one that stands in the console's address
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// What every call of the control API has to show, as `Authorization: Bearer TOKEN`; for computers with other
    /// users. In the environment they cannot read it; among the arguments they can
    #[arg(long, value_name = "TOKEN", env = "SECONDME_EMULATOR_TOKEN", hide_env_values = true, value_parser = secret)]
    pub token: Option<Secret>,
    /// Open the console in the browser when ready. Where there is a token, the page asks for it
    #[arg(long)]
    pub open: bool,
    /// Print one line of JSON with base_url, api_key, lab_base_url, client_id, client_secret, control_url and
    /// console_url when ready
    #[arg(long)]
    pub json: bool,
    /// Stop when standard input ends, and so with the program that started this, however that ends. The avatar
    /// answers without delay then, unless an option says otherwise
    #[arg(long)]
    pub until_stdin_ends: bool,
    /// All settings from a file in TOML (`emulator.toml`), YAML or JSON; the other options overrule it
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Keep visitors, sessions, messages, keys and takeovers in a file, and go on with what is in it
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Print the JSON schema of such a file, for editors, and end
    #[arg(long)]
    pub schema: bool,
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
    /// Time from one piece of a reply to the next [default: 40ms, or 0 with --until-stdin-ends]
    #[arg(long, value_name = "TIME")]
    pub piece_delay: Option<Millis>,
    /// Time before the first piece of a reply [default: 250ms, or 0 with --until-stdin-ends]
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
    /// Write the journal into a new file as it grows, an entry a line; `avatar trace` draws it
    #[arg(long, value_name = "FILE.jsonl")]
    pub journal: Option<PathBuf>,
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
    /// The file of the journal cannot be created.
    #[error("--journal: {path}: {why}")]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
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
    /// What it knows could not be kept.
    #[error(transparent)]
    State(#[from] StateFileError),
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
        let (thinks, types) = if self.until_stdin_ends { (Millis::ZERO, Millis::ZERO) } else { WATCHED };
        let mut settings = Settings::default().reply_delay(thinks).piece_delay(types);
        if let Some(path) = &self.settings {
            settings = settings_file::changed_by(path, settings)?;
        }
        let mut builder =
            Emulator::builder().host(self.host).port(self.port).seed(self.seed).settings(settings);
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
        if let Some(path) = &self.state {
            builder = builder.state_file(path);
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

/// Whether it can be a token is said when the emulator starts.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// The key of the endpoint, which is not for the command line: there every user of the machine could read it.
fn openai_key() -> Option<Secret> {
    std::env::var("OPENAI_API_KEY").ok().filter(|key| !key.is_empty()).map(Secret::new)
}

/// Runs an emulator until Ctrl-C or SIGTERM. Must be called within a tokio runtime.
pub async fn run(args: EmulatorArgs) -> Result<(), RunError> {
    if args.schema {
        return Ok(writeln!(std::io::stdout(), "{:#}", Settings::schema())?);
    }
    // Before the line that says it is ready, or a signal right after that line would kill it.
    let asked_to_stop = StopSignal::listen()?;
    let builder = args.builder()?;
    let mut journal = args.journal.as_deref().map(JournalFile::create).transpose()?;
    let emulator = builder.start().await?;
    announce(&emulator, &args)?;
    warn_of_others(args.host)?;
    if args.open {
        open_console(&emulator)?;
    }
    tokio::select! {
        () = asked_to_stop.wait() => {}
        () = stdin_ends(), if args.until_stdin_ends => {}
        () = journal::follow(&emulator, &mut journal) => {}
        () = tell_of_state_trouble(&emulator) => {}
    }
    if let Some(journal) = &mut journal {
        journal.catch_up(&emulator);
    }
    Ok(emulator.end().await?)
}

fn read(path: &Path, takes: &'static str) -> Result<String, RunError> {
    let failed = |source| RunError::File { path: path.to_owned(), source, takes };
    std::fs::read_to_string(path).map_err(failed)
}
