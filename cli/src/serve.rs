//! `avatar serve`: the avatar behind the API of OpenAI.

pub(crate) mod args;
mod asking;
mod caller;
mod chats;
mod check;
mod completions;
mod feed;
mod fields;
mod gateway;
mod idempotency;
mod jwt;
mod keys;
mod later;
mod log;
mod metrics;
mod origins;
mod prompt;
mod question;
mod recent;
mod refusal;
mod respond;
mod responses;
mod routes;
mod saved;
mod settings;
mod shelf;
mod sse;
mod store_place;
mod tasks;
mod telling;
mod turn;
mod visitor;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use secondme_avatar::{BaseUrl, ClientBuilder, Door};
use secondme_avatar_emulator::Emulator;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use self::args::ServeArgs;
use self::asking::Model;
use self::caller::Callers;
use self::gateway::Gateway;
use self::log::Log;
use self::metrics::Metrics;
use self::origins::Origins;
use self::settings::Settings;
use self::store_place::StorePlace;
use self::visitor::Naming;
use crate::exit::{self, Failure};
use crate::terminal::Stop;

/// How long replies under way may take to end when the gateway is stopped.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// How long a visitor is silent before its socket is given up.
const IDLE_AFTER: Duration = Duration::from_secs(3600);
/// How long a question waits for an owner who has the conversation: clients give up after 60 s and more.
const OWNER_WAIT: Duration = Duration::from_secs(25);

pub(crate) async fn run(mut args: ServeArgs) -> Result<(), Failure> {
    if args.schema {
        return write!(std::io::stdout(), "{}", settings::SCHEMA).map_err(|_| Failure::output_closed());
    }
    let mut stop = Stop::listen()?;
    args.store = StorePlace::given(args.store_argument.take())?;
    let settings = Settings::read(&mut args)?;
    let tokens = keys::tokens(&args, &settings)?;
    let address = args.address();
    let callers = Callers::new(&tokens, address.ip())?;
    let emulator = match args.emulator {
        true => Some(keys::emulator(args.script.as_deref()).await?),
        false => None,
    };
    let gateway = Arc::new(gateway(&args, &settings, callers, emulator.as_ref())?);
    if args.check {
        return check::run(&args, &gateway);
    }
    let failed = |error: std::io::Error| {
        Failure::new(exit::FAILURE, format!("cannot listen on {address}: {error}"))
            .advise("Choose an address of this machine and a free port: --host, --port; port 0 takes any.")
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    announce(&args, address, &gateway).map_err(|_| Failure::output_closed())?;

    if args.store.is_some() {
        for model in &gateway.models {
            // Without them the gateway is of use all the same, and they stay in the store.
            if let Err(error) = model.later.take_up().await {
                let _ = writeln!(std::io::stderr(), "warning: what was said before is not told: {error}");
            }
        }
    }
    let hearing: Vec<_> = gateway.models.iter().map(|model| tokio::spawn(hear(Arc::clone(model)))).collect();
    let mut stopped = gateway.stopping.subscribe();
    // A piece of a reply is small, and must not wait for the next one. Without it a socket is merely slower.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    // Made once: given as it is, the router would be made anew for each connection, of some 20 KB.
    let router = routes::router(Arc::clone(&gateway)).into_make_service();
    let server = axum::serve(listener, router);
    let server = server.with_graceful_shutdown(async move {
        // An error means that all is over.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    });
    let server = tokio::spawn(async move {
        // It ends by shutdown alone.
        let _ = server.await;
    });
    tokio::select! {
        _ = stop.wait() => {}
        () = keys::stdin_ends(), if args.until_stdin_ends => {}
    }
    gateway.stopping.send_replace(true);
    gateway.replies.close();
    let finish = async {
        let _ = server.await;
        gateway.replies.wait().await;
    };
    tokio::select! {
        _ = tokio::time::timeout(STOP_WITHIN, finish) => {}
        // A second signal does not wait for them.
        again = stop.wait() => return Err(again),
    }
    for model in &gateway.models {
        model.client.close().await;
    }
    for hearing in hearing {
        // It ends with its client.
        let _ = hearing.await;
    }
    if let Some(emulator) = emulator {
        emulator.stop().await;
    }
    Ok(())
}

fn gateway(
    args: &ServeArgs,
    settings: &Settings,
    callers: Callers,
    emulator: Option<&Emulator>,
) -> Result<Gateway, Failure> {
    let mut models = Vec::new();
    let said = later::said();
    let owner_wait = args.owner_wait.unwrap_or(OWNER_WAIT);
    for key in keys::keys(args, settings, emulator)? {
        let builder = client(args, key.builder, emulator)?;
        let client = builder.build()?;
        models.push(Arc::new(Model::new(key.model, client, owner_wait, said.clone())));
    }
    Ok(Gateway {
        callers,
        naming: Naming { open_webui: keys::open_webui(settings), one_visitor: args.one_visitor },
        models,
        session_per: args.session_per(),
        tasks: args.tasks(),
        since: gateway::now(),
        replies: TaskTracker::new(),
        said,
        stopping: watch::Sender::new(false),
        saved: Arc::default(),
        log: Log::start(),
        origins: Origins::new(&args.allow_origins)
            .map_err(|why| Failure::new(exit::USAGE, format!("--allow-origin: {why}")))?,
        metrics: args.metrics.then(Metrics::default),
    })
}

async fn hear(model: Arc<Model>) {
    model.later.hear().await;
}

/// The client of a key, with what all have in common.
fn client(
    args: &ServeArgs,
    builder: ClientBuilder,
    emulator: Option<&Emulator>,
) -> Result<ClientBuilder, Failure> {
    let mut builder = builder
        .language("gateway")
        .idle_after(args.idle_after.unwrap_or(IDLE_AFTER))
        .owner_deadline(args.owner_wait.unwrap_or(OWNER_WAIT));
    builder = match (emulator, &args.base_url) {
        (Some(emulator), _) if args.door() == Door::VisitorChat => {
            builder.base_url(emulator.lab_base_url().parse()?)
        }
        (Some(emulator), _) => builder.base_url(emulator.base_url().parse()?),
        (None, Some(base)) => builder.base_url(base.parse::<BaseUrl>()?),
        (None, None) => builder.or_base_of_env(),
    };
    if let Some(most) = args.max_live {
        builder = builder.max_live(most);
    }
    if let Some(quota) = args.quota {
        builder = builder.quota(quota);
    }
    match &args.store {
        Some(place) => place.open(builder),
        None => Ok(builder),
    }
}

/// Says that it is ready.
fn announce(args: &ServeArgs, address: SocketAddr, gateway: &Gateway) -> std::io::Result<()> {
    let host = match address.ip() {
        ip if !ip.is_unspecified() => SocketAddr::new(ip, address.port()).to_string(),
        _ => format!("127.0.0.1:{}", address.port()),
    };
    let base = format!("http://{host}/v1");
    let models: Vec<_> = gateway.models.iter().map(|model| model.id.as_str()).collect();
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{{\"base_url\":{},\"models\":{}}}", json!(base), json!(models))?;
    } else {
        let callers: Vec<_> = gateway.callers.names().collect();
        let token = match callers.is_empty() {
            true => "none is asked for".to_owned(),
            false => format!("of {}", callers.join(", ")),
        };
        writeln!(
            out,
            "The gateway is ready. Ctrl-C stops it.\n\n  base URL  {base}\n  models    {}\n  token     {token}\n",
            models.join(", ")
        )?;
    }
    out.flush()
}
