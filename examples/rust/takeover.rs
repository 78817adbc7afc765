//! A bot that stays silent while the avatar's owner speaks in person.
//!
//! It passes on what the avatar says. When the owner takes over, it says so once. When the avatar answers
//! again, it continues.
#![allow(clippy::print_stdout)]

use secondme_avatar::{AvatarClient, Error, EventKind, Visitor};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let client = AvatarClient::from_env()?;
    let chat = client.open(Visitor::for_user("feishu", "ou_abc")?).await?;
    let events = chat.events();
    chat.send("Can I talk with a human?").await?;

    let mut taken_over = false;
    while let Some(event) = events.next().await {
        match event.kind {
            EventKind::OwnerReply(reply) => {
                if !std::mem::replace(&mut taken_over, true) {
                    println!("bot: the owner is here, I keep quiet");
                }
                println!("owner: {}", reply.text);
            }
            EventKind::Reply(reply) => {
                if std::mem::take(&mut taken_over) {
                    println!("bot: the avatar is back");
                }
                println!("avatar: {}", reply.text);
            }
            EventKind::Closed { .. } => break,
            _ => {}
        }
    }
    Ok(())
}
