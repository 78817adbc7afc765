//! What the options come to, and whether they have values that they can have.

use std::time::Duration;

use secondme_avatar_protocol::{Error, ErrorKind, OptionName, limits};

use super::ClientBuilder;
use crate::base_url::BaseUrl;
use crate::origin::Origin;
use crate::pins::{Pins, SocketHosts};
use crate::tls::{self, Trust};

/// The shortest `idle_after`: coming back costs two round trips.
const IDLE_MIN: Duration = Duration::from_secs(1);

impl ClientBuilder {
    /// Where the service is, behind this client's door.
    pub(crate) fn base(&self) -> Result<BaseUrl, Error> {
        let base = match (&self.base, self.environment, &self.base_of_env) {
            (Some(base), _, _) => base.clone(),
            (None, Some(environment), _) => environment.into(),
            (None, None, Some(variable)) => variable.parse()?,
            (None, None, None) => BaseUrl::default(),
        };
        Ok(base.of_door(self.config.door))
    }

    /// What the handshake says as its `Origin`.
    pub(crate) fn handshake_origin(&self) -> Result<Origin, Error> {
        match &self.origin {
            Some(origin) => origin.parse(),
            None => Ok(Origin::of(&self.base()?)),
        }
    }

    /// What is trusted of those who answer.
    pub(crate) fn trust(&self) -> Result<Trust, Error> {
        if self.only_ca_file.is_some() && self.ca_file.is_some() {
            let message = format!(
                "with {} no other certificates are trusted: leave {} out",
                OptionName::ONLY_CA_FILE,
                OptionName::CA_FILE
            );
            return Err(Error::new(ErrorKind::Misuse, message));
        }
        Ok(Trust {
            ca_file: tls::ca_file(self.ca_file.clone()),
            only_ca_file: self.only_ca_file.clone(),
            builtin_roots: self.builtin_roots,
            pins: self.pins.as_deref().map(Pins::new).transpose()?.unwrap_or_default(),
            min_tls: self.min_tls.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
        })
    }

    /// To which hosts a socket may lead.
    pub(crate) fn allowed_socket_hosts(&self) -> Result<SocketHosts, Error> {
        Ok(self.socket_hosts.as_deref().map(SocketHosts::new).transpose()?.unwrap_or_default())
    }

    /// Fails if an option has a value that it cannot have.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let misuse = |message: String| Err(Error::new(ErrorKind::Misuse, message));
        if self.base.is_some() && self.environment.is_some() {
            return misuse(format!(
                "{} and {} both say where the service is: choose one of them",
                OptionName::BASE_URL,
                OptionName::ENVIRONMENT
            ));
        }
        self.base()?.check(self.allow_insecure)?;
        self.handshake_origin()?;
        let (shortest, longest) = (limits::HEARTBEAT_MIN, limits::HEARTBEAT);
        if self.config.heartbeat < shortest || self.config.heartbeat > longest {
            return misuse(format!(
                "a heartbeat of {:?} is not possible: choose {} to {} s, or leave it out",
                self.config.heartbeat,
                shortest.as_secs(),
                longest.as_secs()
            ));
        }
        if self.max_live == Some(0) {
            return misuse(format!(
                "with a {} of 0 no visitor could be opened: choose 1 or more, or leave it out",
                OptionName::MAX_LIVE
            ));
        }
        if let Some(idle) = self.config.idle_after.filter(|idle| *idle < IDLE_MIN) {
            return misuse(format!(
                "an {} of {idle:?} is too short: choose 1 s or more, or leave it out",
                OptionName::IDLE_AFTER
            ));
        }
        if let Some(retention) = self.retention.filter(|retention| *retention < limits::RETENTION_MIN) {
            return misuse(format!(
                "a {} of {retention:?} is too short: choose 1 hour or more, or leave it out",
                OptionName::RETENTION
            ));
        }
        if self.retention.is_some() && self.store.is_none() {
            return misuse(format!(
                "a {} without a {} has nothing to forget: give the client a {1}, or leave it out",
                OptionName::RETENTION,
                OptionName::STORE
            ));
        }
        if self.queue < 2 {
            return misuse("an event queue holds 2 events or more: choose more, or leave it out".to_owned());
        }
        if let Some(name) = &self.store_namespace
            && (name.is_empty() || name.len() > limits::NAME_BYTES)
        {
            return misuse(format!(
                "a {} of {} bytes is not possible: choose 1 to {} bytes, or leave it out",
                OptionName::STORE_NAMESPACE,
                name.len(),
                limits::NAME_BYTES
            ));
        }
        if self.language.as_ref().is_some_and(|name| !name.bytes().all(|byte| byte.is_ascii_graphic())) {
            return misuse("the language goes into a header: write it like `python/3.11`".to_owned());
        }
        Ok(())
    }

    pub(crate) fn user_agent(&self) -> String {
        let own = concat!("secondme-avatar/", env!("CARGO_PKG_VERSION"));
        match &self.language {
            Some(language) => format!("{own} {language}"),
            None => format!("{own} rust"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::AvatarClient;
    use crate::environment::Environment;

    fn builder() -> ClientBuilder {
        AvatarClient::builder("sk-0123456789abcdef").unwrap()
    }

    #[test]
    fn what_is_chosen_counts_before_what_the_environment_says_and_that_before_production() {
        let mut of_env = builder();
        of_env.base_of_env = Some("gateway".to_owned());
        let own: BaseUrl = "http://127.0.0.1:9/gate/in".parse().unwrap();
        assert_eq!(builder().base().unwrap(), BaseUrl::production());
        assert_eq!(of_env.base().unwrap(), BaseUrl::gateway());
        let chosen = of_env.clone().environment(Environment::PreRelease);
        assert_eq!(chosen.base().unwrap(), BaseUrl::pre_release());
        of_env.base_of_env = Some("nonsense".to_owned());
        assert_eq!(of_env.clone().base_url(own.clone()).base().unwrap(), own);
        assert_eq!(of_env.base().unwrap_err().kind(), ErrorKind::Misuse);
    }

    #[test]
    fn where_the_service_is_is_said_once() {
        let twice = builder().base_url(BaseUrl::gateway()).environment(Environment::Gateway);
        let error = twice.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains("`base_url` and `environment` both say"), "{error}");
    }
}
