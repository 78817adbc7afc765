//! An answer, piece by piece.
#![allow(clippy::print_stdout)]

use std::io::Write as _;

use secondme_avatar::{Author, AvatarClient, Error, Visitor};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let client = AvatarClient::from_env()?;
    let chat = client.open(Visitor::for_user("web", "user-1")?).await?;

    let mut pieces = chat.stream("Hello, tell me about yourself");
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        if piece.author == Author::Owner {
            print!("(in person) ");
        }
        print!("{}", piece.text);
        std::io::stdout().flush().ok();
    }
    println!();
    // The whole reply, with cards and sources.
    let reply = pieces.reply();
    println!("{} bytes in all", reply.map_or(0, |reply| reply.text.len()));

    client.close().await;
    Ok(())
}
