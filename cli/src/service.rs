//! The service to talk with: the emulator on this machine, or the real one.

use secondme_avatar::{AvatarClient, BaseUrl, ClientBuilder, Door, api_key_from_env};
use secondme_avatar_emulator::{Emulator, EmulatorBuilder};

use crate::exit::{self, Failure};

/// A service, and how to make a client for it.
pub(crate) struct Service {
    pub(crate) builder: ClientBuilder,
    /// Where it is, if it is not on this machine.
    pub(crate) base: BaseUrl,
    /// Its name for people.
    pub(crate) place: String,
    /// The emulator, if the service is on this machine.
    pub(crate) emulator: Option<Emulator>,
}

impl Service {
    /// Starts an emulator.
    pub(crate) async fn emulated(options: EmulatorBuilder, door: Door) -> Result<Self, Failure> {
        let emulator =
            options.start().await.map_err(|error| Failure::new(exit::FAILURE, error.to_string()))?;
        let builder = match door {
            Door::AvatarOpenApi => {
                AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?)
            }
            Door::VisitorChat => {
                let (id, secret) = (emulator.client_id(), emulator.client_secret());
                let builder = AvatarClient::visitor_chat(&id, &secret, emulator.api_key())?;
                builder.base_url(emulator.lab_base_url().parse()?)
            }
        };
        let base = BaseUrl::default();
        Ok(Self { builder, base, place: "the emulator".to_owned(), emulator: Some(emulator) })
    }

    /// The service at the given base URL, or production, with the secrets of the environment.
    pub(crate) fn remote(base: Option<&str>, door: Door) -> Result<Self, Failure> {
        let key = api_key()?;
        let builder = match door {
            Door::AvatarOpenApi => AvatarClient::builder(&key)
                .map_err(|error| Failure::new(exit::KEY, format!("SECONDME_API_KEY: {error}")))?,
            Door::VisitorChat => AvatarClient::visitor_chat_builder_from_env()
                .map_err(|error| Failure::new(exit::KEY, exit::said(&error)))?,
        };
        let from_env = || std::env::var("SECONDME_BASE_URL").ok().filter(|base| !base.is_empty());
        let (base, place) = match base.map(str::to_owned).or_else(from_env) {
            Some(base) => {
                let base = base.parse::<BaseUrl>()?;
                let place = match base.environment() {
                    Some(environment) => host(environment.url(door)),
                    None => host(&base.to_string()),
                };
                (base, place)
            }
            None => (BaseUrl::default(), "SecondMe".to_owned()),
        };
        Ok(Self { builder: builder.base_url(base.clone()), base, place, emulator: None })
    }
}

/// The key of the environment.
pub(crate) fn api_key() -> Result<String, Failure> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !is_set("SECONDME_API_KEY") && !is_set("SECONDME_API_KEY_FILE") {
        return Err(Failure::new(exit::KEY, "there is no API key: SECONDME_API_KEY is not set").advise(
            "Create a key in the SecondMe app (Avatar Hub → Avatar Detail → API Key Management), then:\n\n  \
             export SECONDME_API_KEY=sk-…\n  \
             avatar chat\n\n\
             The key is read from the environment alone, or from the file that SECONDME_API_KEY_FILE names:\n\
             as an argument it would stand in the process list and in the shell's history. Without a key, `avatar chat --emulator` works.",
        ));
    }
    api_key_from_env().map_err(|error| Failure::new(exit::KEY, exit::said(&error)))
}

/// The host, which a person recognises.
pub(crate) fn host(base: &str) -> String {
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).to_owned()
}
