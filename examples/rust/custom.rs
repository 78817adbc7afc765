//! Any custom integration. Here the platform is a terminal: a line `USER TEXT` is what a person says.
#![allow(clippy::print_stdout)]

use secondme_avatar::{AvatarClient, Error, EventKind, SqliteStore, Visitor};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Error> {
    // Sessions go on after a restart.
    let client = AvatarClient::builder_from_env()?.store(SqliteStore::open("avatar.db")?).build()?;
    let events = client.events();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let EventKind::OwnerReply(reply) | EventKind::Reply(reply) = event.kind
                && !reply.asked
            // No question waits for it.
            {
                println!("{}: {}", event.tag.unwrap_or_default(), reply.text);
            }
        }
    });
    client.recover().all().await?; // Also what was said since the last run.
    let lines = std::io::stdin().lines().map_while(Result::ok);
    let answers: JoinSet<()> = lines.map(|line| answer(client.clone(), line)).collect();
    answers.join_all().await;
    client.close().await;
    Ok(())
}

async fn answer(client: AvatarClient, line: String) {
    let (user, text) = line.split_once(' ').unwrap_or_default();
    let talk = async {
        let visitor = Visitor::for_user("custom", user)?.tag(user);
        let chat = client.open(visitor.clone()).await?;
        if text != "/raw" {
            let mut pieces = chat.stream(text);
            while let Some(piece) = pieces.next().await {
                println!("{user}: {}", piece?.text); // Your platform's way to a person.
            }
            return Ok::<_, Error>(());
        }
        // A call that has no method here.
        let session = chat.session_id().map(|id| id.to_string()).unwrap_or_default();
        let path = format!("/rest/general/message/latest?sessionId={session}");
        client.request("GET", path).visitor(visitor).await.map(|latest| println!("{user}: {latest}"))
    };
    if talk.await.is_err() {
        println!("{user}: Sorry, there is no answer just now.");
    }
}
