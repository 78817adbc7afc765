//! `avatar demo --console`: visitors who talk with the emulator's avatar through this library, for the console to show.

use std::io::Write as _;
use std::time::Duration;

use secondme_avatar::{AvatarClient, Conversation, Error, Visitor};
use secondme_avatar_emulator::{Brain, Emulator};

use crate::args::DemoArgs;
use crate::exit::{self, Failure};
use crate::terminal::Stop;

/// Who they are, where they come from, and how long each waits from one message to the next.
const VISITORS: [(&str, &str, Duration); 6] = [
    ("张三", "feishu", Duration::from_millis(7_100)),
    ("Grace Hopper", "slack", Duration::from_millis(5_300)),
    ("Mary Somerville", "web", Duration::from_millis(11_900)),
    ("李雷", "wechat", Duration::from_millis(9_700)),
    ("Alan Turing", "telegram", Duration::from_millis(6_700)),
    ("Émilie du Châtelet", "discord", Duration::from_millis(13_100)),
];

/// What they say, each beginning elsewhere.
const SAYS: [&str; 6] = [
    "Hello",
    "Tell me about yourself",
    "Do you know a joke?",
    "What does the engine cost?",
    "Can I talk to the real Ada?",
    "Thank you, Ada! Is the avatar back?",
];

/// Runs until it is told to stop.
pub(crate) async fn run(args: &DemoArgs) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let builder = Emulator::builder().brain(Brain::demo()).port(args.port);
    let builder = builder.configure(|settings| {
        settings.quota_per_minute = 600;
        settings.piece_delay = Duration::from_millis(60).into();
        settings.reply_delay = Duration::from_millis(700).into();
    });
    let emulator = builder.start().await.map_err(|error| Failure::new(exit::FAILURE, error.to_string()))?;
    let client = AvatarClient::builder(emulator.api_key())?.base_url(emulator.base_url().parse()?).build()?;
    say(&format!(
        "Six visitors talk with an avatar. Watch them, take over, and break things: {}\nCtrl-C ends it.",
        emulator.console_url()
    ));
    if args.open
        && let Err(error) = emulator.open_console()
    {
        say(&format!("no browser could be opened: {error}"));
    }
    for (place, (name, channel, pause)) in VISITORS.into_iter().enumerate() {
        let visitor = Visitor::for_user(channel, name).map_err(Error::from)?.name(name).channel(channel);
        let client = client.clone();
        tokio::spawn(async move {
            if let Err(error) = talk(&client, visitor, place, pause).await {
                say(&format!("{name} has left: {error}"));
            }
        });
    }
    stop.wait().await;
    let _ = client.close().await;
    emulator.stop().await;
    Ok(())
}

async fn talk(client: &AvatarClient, visitor: Visitor, place: usize, pause: Duration) -> Result<(), Error> {
    // One after the other, as people come.
    tokio::time::sleep(pause * u32::try_from(place).unwrap_or_default() / 9).await;
    let chat: Conversation = client.open(visitor).await?;
    for said in SAYS.iter().cycle().skip(place) {
        // A message that a fault of the console has kept back is one of many.
        let _ = chat.send(*said).await;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

fn say(line: &str) {
    // Where stdout is closed the line is lost, and nothing else.
    let _ = writeln!(std::io::stdout(), "{line}");
}
