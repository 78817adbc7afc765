//! What to do when a call fails: a wrong key, a full quota, a message that comes back.
#![allow(clippy::print_stdout)]

use secondme_avatar::{AvatarClient, Error, ErrorKind, Visitor};

#[tokio::main]
async fn main() {
    match tell("The invoice is paid").await {
        Ok(()) => println!("sent"),
        Err(error) => handle(&error),
    }
}

async fn tell(text: &str) -> Result<(), Error> {
    let client = AvatarClient::from_env()?;
    let chat = client.open(Visitor::for_user("web", "user-1")?).await?;
    chat.send(text).await?;
    client.close().await;
    Ok(())
}

fn handle(error: &Error) {
    match error.kind() {
        ErrorKind::Authentication => println!("the key was refused: another one is needed"),
        ErrorKind::RateLimited => println!("too many new visitors: again in {:?}", error.retry_after()),
        _ => println!("{error}"), // It says what happened, and what to do.
    }
    if let Some(unsent) = error.unsent() {
        let how = if unsent.certain { "not sent" } else { "perhaps sent" };
        println!("{how}: {}", unsent.text);
    }
    if error.is_retryable() {
        println!("it may work later");
    }
}
