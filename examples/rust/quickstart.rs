//! One question, one answer.
#![allow(clippy::print_stdout)]

use secondme_avatar::{AvatarClient, Error, Visitor};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let client = AvatarClient::from_env()?; // SECONDME_API_KEY, SECONDME_BASE_URL
    // The same user of the same platform is always the same visitor.
    let visitor = Visitor::for_user("web", "user-1")?.name("Grace");

    let chat = client.open(visitor).await?;
    println!("{}: {}", chat.avatar_name(), chat.opening());

    let reply = chat.ask("Hello, tell me about yourself").await?;
    println!("{}: {}", chat.avatar_name(), reply.text);

    client.close().await;
    Ok(())
}
