//! The way to Redis: TLS, users with few rights, and a long way.

use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use secondme_avatar::{AvatarClient, Change, RedisStore, Store, Visitor};
use secondme_avatar_emulator::Emulator;

use crate::place::open;
use crate::proxy::Proxy;
use crate::redis_server::{Server, free_port};
use crate::support::{Folder, avatar, keep, numbers, record, visitor};

#[test]
fn over_tls_only_a_server_with_a_trusted_certificate_gets_anything() {
    let folder = Folder::new();
    let write = |name: &str, text: &str| {
        std::fs::write(folder.file(name), text).unwrap();
        folder.file(name).into_os_string().into_string().unwrap()
    };
    let authority = || {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (issuer, key) = (authority(), KeyPair::generate().unwrap());
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let (ca, other) = (write("ca.pem", &issuer.pem()), write("other.pem", &authority().pem()));
    let (shown, secret) =
        (write("server.pem", &certificate.pem()), write("server.key", &key.serialize_pem()));
    let port = free_port().to_string();
    let settings = ["--tls-port", &port, "--tls-cert-file", &shown, "--tls-key-file", &secret];
    let settings = [&settings[..], &["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"]].concat();
    let Some(_server) = Server::start(&settings) else { return };

    let url = format!("rediss://127.0.0.1:{port}?prefix=p");
    for wrong in [url.clone(), format!("{url}&ca={other}")] {
        let error = RedisStore::open(&wrong).unwrap_err().to_string();
        assert!(error.contains("cannot be opened") && error.contains("certificate"), "{error}");
    }
    let error = RedisStore::open(&format!("{url}&ca={ca}.not")).unwrap_err().to_string();
    assert!(error.contains("cannot be read") && error.contains("name a PEM file"), "{error}");
    let error = RedisStore::open(&format!("redis://127.0.0.1:{port}?prefix=p")).unwrap_err().to_string();
    assert!(error.contains("does it speak TLS"), "{error}");
    let store = RedisStore::open(&format!("{url}&ca={ca}")).unwrap();
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_the_rights_that_the_page_names_can_do_everything() {
    const PAGE: &str = include_str!("../../../../docs/redis.md");
    let Some(server) = Server::start(&[]) else { return };
    let rights = PAGE.split('`').find(|words| words.starts_with("+@")).unwrap();
    let user = ["SETUSER", "bot", "on", ">few-rights", "~{few}:*"].into_iter().chain(rights.split(' '));
    redis::cmd("ACL").arg(user.collect::<Vec<_>>()).exec(&mut server.connect()).unwrap();
    let url = format!("redis+unix://bot:few-rights@{}?prefix=few", server.socket().display());
    let emulator = Emulator::builder().start().await.unwrap();
    let builder =
        AvatarClient::builder(emulator.api_key()).unwrap().base_url(emulator.base_url().parse().unwrap());
    let client = builder.store(RedisStore::open(&url).unwrap()).build().unwrap();
    let ada = Visitor::for_user("web", "ada").unwrap();
    let chat = client.open(ada.clone()).await.unwrap();
    chat.send("Hello").durable().await.unwrap();
    client.set_note(&ada, "mood", "curious").await.unwrap();
    assert_eq!(client.known().await.unwrap().len(), 1);
    chat.close().await.unwrap();
    client.forget(ada.id()).await.unwrap();
    client.close().await;
}

#[test]
fn a_slow_redis_is_waited_for_and_one_that_is_too_slow_fails_in_time_without_doing_it_twice() {
    let Some(server) = Server::shared() else { return };
    let proxy = Proxy::start(&server.socket());
    let prefix = crate::place::Place::prefix();
    let store = open(&proxy.url(&prefix));
    proxy.delay(Duration::from_millis(200));
    store.save(&avatar(), &[Change::SaveRecord(record(1, 1)), keep(1, 1)]).unwrap();
    assert_eq!(store.load(&avatar(), visitor(1).id()).unwrap(), Some(record(1, 1)));
    proxy.delay(Duration::from_millis(5500));
    let started = Instant::now();
    let error = store.save(&avatar(), &[keep(1, 2)]).unwrap_err().to_string();
    assert!(error.contains("did not answer in time") && error.contains("may be there or not"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
    proxy.delay(Duration::ZERO);
    store.save(&avatar(), &[keep(1, 2)]).unwrap();
    assert_eq!(numbers(&store.adopt(&avatar()).unwrap()), [1, 2]);
}
