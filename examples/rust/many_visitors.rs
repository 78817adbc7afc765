//! A bot with many visitors: one loop receives all replies.
#![allow(clippy::print_stdout)]

use secondme_avatar::{AvatarClient, Error, EventKind, Visitor};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let client = AvatarClient::from_env()?;
    let events = client.events();

    // In a bot, these are the messages from the platform.
    for user in ["ada", "grace", "mary"] {
        let client = client.clone();
        tokio::spawn(async move {
            if let Err(error) = pass_on(client, user, "Hello").await {
                println!("{user}: not sent: {error}");
            }
        });
    }

    while events.ready().await {
        for event in events.drain(100) {
            // A bot passes them on to the user with this visitor id.
            if let EventKind::Reply(reply) | EventKind::OwnerReply(reply) = event.kind {
                println!("{}: {}", event.visitor_id, reply.text);
            }
        }
    }
    Ok(())
}

async fn pass_on(client: AvatarClient, user: &str, text: &str) -> Result<(), Error> {
    // If the visitor's conversation is open, this returns the same one.
    let chat = client.open(Visitor::for_user("slack", user)?.name(user)).await?;
    chat.send(text).await.map(drop)
}
