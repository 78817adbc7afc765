//! `avatar store`: what a store's file holds of visitors, listed, exported and deleted.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use secondme_avatar::{
    AvatarRef, Idle, RowContent, SqliteStore, Store as _, StoreError, StoredRow, StoredVisitor, VisitorId,
    date, visible,
};
use serde_json::{Value, json};

use crate::exit::{self, Failure};

pub(crate) const HELP: &str = "\
It works on the file alone, while programs use it or not; nothing is deleted at the service. What is deleted is gone
from the file and its log when the command ends. Copies (backup) are stores too: do the same with them.

Examples:
  avatar store list --store avatar.db
  avatar store export --store avatar.db --visitor web_6ba7b810-9dad-11d1-80b4-00c04fd430c8 > ada.json
  avatar store forget --store avatar.db --visitor web_6ba7b810-9dad-11d1-80b4-00c04fd430c8
  avatar store forget-idle --store avatar.db --older-than 90d --yes      # from cron

A store in a file that was sealed is listed and deleted like any other; export needs the program's own seal.
Exit codes: see `avatar --help`. An export with a row that cannot be read ends with 1.";

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// List the visitors: id, last write, unsent messages, name
    List(ListArgs),
    /// Print everything that is held of a visitor, as JSON without secrets
    Export(ExportArgs),
    /// Delete everything that is held of a visitor
    Forget(ForgetArgs),
    /// Delete the visitors of whom nothing was written for a time
    ForgetIdle(ForgetIdleArgs),
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The store's file
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
    /// Of this avatar only, as `list` names it [default: all avatars in the file]
    #[arg(long, value_name = "NAME")]
    avatar: Option<AvatarRef>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Whose data: the visitor's id, {platform}_{uuid}
    #[arg(long, value_name = "ID")]
    visitor: VisitorId,
}

#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Whose data: the visitor's id, {platform}_{uuid}
    #[arg(long, value_name = "ID")]
    visitor: VisitorId,
    /// Do not ask back
    #[arg(long)]
    yes: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ForgetIdleArgs {
    #[command(flatten)]
    file: FileArgs,
    /// How long nothing was written: 90d, 12h
    #[arg(long, value_name = "TIME", value_parser = age)]
    older_than: Duration,
    /// Do not ask back
    #[arg(long)]
    yes: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &StoreCommand) -> Result<(), Failure> {
    match command {
        StoreCommand::List(args) => list(args),
        StoreCommand::Export(args) => export(args),
        StoreCommand::Forget(args) => forget(args),
        StoreCommand::ForgetIdle(args) => forget_idle(args),
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let (store, avatars) = args.file.open()?;
    let listed = avatars.into_iter().map(|avatar| Ok((avatar, store.visitors(&avatar)?)));
    let listed = listed.collect::<Result<Vec<_>, StoreError>>().map_err(failed)?;
    if args.json {
        let avatars: Vec<_> = listed.iter().map(|(avatar, visitors)| avatar_json(avatar, visitors)).collect();
        return print(&json!({ "avatars": avatars }).to_string());
    }
    let mut lines = Vec::new();
    for (avatar, visitors) in &listed {
        let messages: u64 = visitors.iter().map(|visitor| visitor.messages).sum();
        lines.push(format!("{avatar}: {}, {}", count(visitors.len(), "visitor"), unsent(messages)));
        lines.extend(visitors.iter().map(line));
    }
    if listed.is_empty() {
        lines.push("The store holds nothing of any visitor.".to_owned());
    }
    print(&lines.join("\n"))
}

fn export(args: &ExportArgs) -> Result<(), Failure> {
    let (store, avatars) = args.file.open()?;
    let rows = rows(&store, &avatars, &args.visitor)?;
    print(&StoredRow::to_json(&args.visitor, &rows))?;
    let unreadable = rows.iter().filter(|row| matches!(row.content, RowContent::Unreadable(_))).count();
    if unreadable == 0 {
        return Ok(());
    }
    let message = format!("{} cannot be read, and so the export is not complete", count(unreadable, "row"));
    Err(Failure::new(exit::FAILURE, message)
        .advise("`unreadable` says why. `avatar store forget` deletes them."))
}

fn forget(args: &ForgetArgs) -> Result<(), Failure> {
    let (store, avatars) = args.file.open()?;
    let held = rows(&store, &avatars, &args.visitor)?.len();
    let question =
        format!("Delete {} of {} from {}?", count(held, "row"), args.visitor, args.file.store.display());
    confirm(args.yes, &question)?;
    let deleted: Vec<_> = avatars.iter().map(|avatar| store.forget(&[*avatar], &args.visitor)).collect();
    let is_partly = deleted.iter().any(Result::is_ok);
    if let Err(error) = deleted.into_iter().collect::<Result<(), _>>() {
        let failure = failed(error);
        let advice = "What the store held of this visitor for other avatars is deleted.";
        return Err(if is_partly { failure.advise(advice) } else { failure });
    }
    // An earlier run may have deleted the last rows, and then been stopped.
    store.scrub().map_err(failed)?;
    if args.json {
        return print(&json!({ "visitor_id": args.visitor.as_str(), "rows": held }).to_string());
    }
    print(&match held {
        0 => format!("The store held nothing of {}.", args.visitor),
        held => format!("{} of {} deleted.", count(held, "row"), args.visitor),
    })
}

fn forget_idle(args: &ForgetIdleArgs) -> Result<(), Failure> {
    let (store, avatars) = args.file.open()?;
    let idle = Idle::longer_than(args.older_than);
    let old = |visitor: &StoredVisitor| visitor.saved_at.is_some_and(|at| at < idle.before);
    let mut candidates = 0;
    for avatar in &avatars {
        candidates += store.visitors(avatar).map_err(failed)?.iter().filter(|visitor| old(visitor)).count();
    }
    let question = format!(
        "Delete everything of the visitors of whom nothing was written for longer, {} at most, from {}?",
        candidates,
        args.file.store.display()
    );
    confirm(args.yes, &question)?;
    let mut forgotten = 0;
    for avatar in &avatars {
        loop {
            match store.forget_idle(&[*avatar], &idle).map_err(failed)?.len() {
                0 => break,
                more => forgotten += more,
            }
        }
    }
    store.scrub().map_err(failed)?;
    let kept = candidates.saturating_sub(forgotten);
    if args.json {
        return print(&json!({ "forgotten": forgotten, "kept": kept }).to_string());
    }
    let mut said = format!("{} forgotten.", count(forgotten, "visitor"));
    if kept > 0 {
        said += &format!(
            " {} as old kept: in use by a program, with a message that is still to be sent, or not readable.",
            count(kept, "visitor")
        );
    }
    print(&said)
}

impl FileArgs {
    /// The store, and the avatars that are asked for. Never makes a file.
    fn open(&self) -> Result<(SqliteStore, Vec<AvatarRef>), Failure> {
        let file = self.store.display();
        let length = std::fs::metadata(&self.store).map(|file| file.len()).map_err(|error| {
            Failure::new(exit::USAGE, format!("the store {file} cannot be opened: {error}"))
                .advise("--store takes the file that a program's option `store` names.")
        })?;
        if length == 0 {
            return Err(Failure::new(exit::USAGE, format!("{file} is empty, and so is not a store yet")));
        }
        let store = SqliteStore::open(&self.store).map_err(failed)?;
        let known = store.avatars().map_err(failed)?;
        let Some(avatar) = self.avatar else { return Ok((store, known)) };
        if known.contains(&avatar) {
            return Ok((store, vec![avatar]));
        }
        let names: Vec<_> = known.iter().map(AvatarRef::to_string).collect();
        let message = format!("the store {file} holds nothing of {avatar}");
        Err(Failure::new(exit::USAGE, message).advise(format!("It has: {}", names.join(", "))))
    }
}

/// All that is held of the visitor, once each: an avatar's rows are found under its former names too.
fn rows(store: &SqliteStore, avatars: &[AvatarRef], visitor: &VisitorId) -> Result<Vec<StoredRow>, Failure> {
    let mut rows = Vec::new();
    for avatar in avatars {
        let found = store.export(avatar, visitor).map_err(failed)?;
        let is_asked_for_itself = |row: &StoredRow| row.avatar == *avatar || !avatars.contains(&row.avatar);
        rows.extend(found.into_iter().filter(is_asked_for_itself));
    }
    Ok(rows)
}

fn line(visitor: &StoredVisitor) -> String {
    let when = visitor.saved_at.map_or_else(|| "at an unknown time".to_owned(), date);
    let mut line = format!("  {}  {when}", visible(&visitor.id));
    if let Some(name) = visitor.visitor.as_ref().and_then(|visitor| visitor.display_name()) {
        line += &format!("  {}", visible(name));
    }
    if visitor.messages > 0 {
        line += &format!("  ({})", unsent(visitor.messages));
    }
    if visitor.notes > 0 {
        line += &format!("  ({})", count(visitor.notes as usize, "note"));
    }
    if visitor.unreadable > 0 {
        line += &format!("  ({} cannot be read)", count(visitor.unreadable as usize, "row"));
    }
    line
}

fn avatar_json(avatar: &AvatarRef, visitors: &[StoredVisitor]) -> Value {
    let visitor = |stored: &StoredVisitor| {
        let named = stored.visitor.as_ref();
        json!({
            "visitor_id": stored.id,
            "name": named.and_then(|visitor| visitor.display_name()),
            "saved_at": stored.saved_at.map(date),
            "messages": stored.messages,
            "notes": stored.notes,
            "unreadable": stored.unreadable,
        })
    };
    json!({ "avatar": avatar.to_string(), "visitors": visitors.iter().map(visitor).collect::<Vec<_>>() })
}

/// Fails unless the user agrees.
fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let message = "this deletes for good, and there is no terminal to ask back on";
        return Err(Failure::new(exit::USAGE, message).advise("Say --yes."));
    }
    let mut answer = String::new();
    let mut err = anstream::stderr().lock();
    let asked = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    let answered = asked.and_then(|()| io::stdin().lock().read_line(&mut answer));
    if answered.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::new(exit::FAILURE, "nothing was deleted"))
    }
}

fn print(text: &str) -> Result<(), Failure> {
    writeln!(anstream::stdout().lock(), "{text}").map_err(|_| Failure::output_closed())
}

fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

fn unsent(messages: u64) -> String {
    count(messages as usize, "unsent message")
}

fn failed(error: StoreError) -> Failure {
    Failure::new(exit::FAILURE, error.to_string())
}

/// An age: `90d`, `12h`.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "write a time like 90d or 12h".to_owned();
    let unit = |unit: &str| text.strip_suffix(unit).and_then(|number| number.parse::<u64>().ok());
    let seconds = unit("d").map(|days| days.checked_mul(24 * 60 * 60));
    let seconds = seconds.or_else(|| unit("h").map(|hours| hours.checked_mul(60 * 60)));
    let age = Duration::from_secs(seconds.flatten().ok_or_else(wrong)?);
    SystemTime::now().checked_sub(age).map(|_| age).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_of_days_or_hours() {
        assert_eq!(age("90d"), Ok(Duration::from_secs(90 * 24 * 60 * 60)));
        assert_eq!(age("12h"), Ok(Duration::from_secs(12 * 60 * 60)));
        assert_eq!(age("0d"), Ok(Duration::ZERO));
        for wrong in ["", "d", "30", "30s", "-1d", "1.5d", "18446744073709551615d"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
