//! The thread that uses the store.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use secondme_avatar_protocol::{Error, Input, KnownSecrets, MessageId, Record, Visitor, VisitorId};
use tracing::warn;

use super::{Job, Naming, Request, Shared, ToldSender};
use crate::errors::store_panicked;
use crate::store::{AvatarRef, Change, KeyRef, NoteChange, Store, StoreError, StoredRow};
use crate::visitor_handle::VisitorHandle;

/// The time after which a failed save is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The shortest time between two counts of the store.
const COUNT: Duration = Duration::from_secs(1);

/// The time after which what was replaced or deleted is removed from the store's files.
const TIDY: Duration = Duration::from_secs(60);

/// Marks the end of the thread, also by a panic. Jobs that are still queued then fail.
struct EndOfThread(Arc<Shared>);

impl Drop for EndOfThread {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.ended = true;
        let jobs = std::mem::take(&mut queue.jobs);
        drop(queue);
        let mut saves = Saves::default();
        for job in jobs {
            if let Job::SaveMessage(handle, _, message) = job {
                saves.0.push((handle, message.message_id));
            }
        }
        drop(saves);
        self.0.released.cancel();
    }
}

/// Messages that are being saved, and the machines that wait to hear of it. Dropped, they were not saved: the
/// store has panicked.
#[derive(Default)]
struct Saves(Vec<(Arc<VisitorHandle>, MessageId)>);

impl Saves {
    fn succeed(&mut self) {
        self.0.drain(..).for_each(|(handle, message)| handle.input(Input::Kept(message)));
    }

    fn fail(&mut self, error: &Error) {
        for (handle, message) in self.0.drain(..) {
            handle.input(Input::NotKept { message, error: error.clone() });
        }
    }
}

impl Drop for Saves {
    fn drop(&mut self) {
        self.fail(&store_panicked());
    }
}

/// The jobs of one round, sorted by kind.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    saves: Saves,
    claims: Vec<VisitorId>,
    releases: Vec<VisitorId>,
    key: Option<KeyRef>,
    requests: Vec<Request>,
}

impl Batch {
    /// `failed`: changes of earlier rounds that are tried again. They come first, so newer ones replace them.
    fn new(failed: Vec<Change>, records: HashMap<VisitorId, Record>, jobs: VecDeque<Job>) -> Self {
        let mut batch = Self { changes: failed, ..Self::default() };
        batch.changes.extend(records.into_values().map(Change::SaveRecord));
        for job in jobs {
            match job {
                Job::SaveMessage(handle, visitor, message) => {
                    batch.saves.0.push((handle, message.message_id.clone()));
                    batch.changes.push(Change::SaveMessage(visitor, message));
                }
                Job::ForgetMessage(visitor, message) => {
                    batch.changes.push(Change::ForgetMessage(visitor, message));
                }
                Job::Claim(visitor) => {
                    batch.releases.retain(|released| *released != visitor);
                    batch.claims.push(visitor);
                }
                Job::Release(visitor) => batch.releases.push(visitor),
                Job::ReplaceKey(key) => batch.key = Some(key),
                Job::Ask(request) => batch.requests.push(request),
            }
        }
        batch
    }

    fn changes_notes(&self) -> bool {
        self.requests.iter().any(|request| matches!(request, Request::ChangeNote(..)))
    }
}

/// Changes of notes that come one after another.
struct Notes {
    changes: Vec<NoteChange>,
    senders: Vec<ToldSender<bool>>,
    /// The latest time of all.
    now: SystemTime,
}

impl Default for Notes {
    fn default() -> Self {
        Self { changes: Vec::new(), senders: Vec::new(), now: SystemTime::UNIX_EPOCH }
    }
}

impl Notes {
    fn push(&mut self, change: NoteChange, now: SystemTime, sender: ToldSender<bool>) {
        self.changes.push(change);
        self.senders.push(sender);
        self.now = self.now.max(now);
    }
}

/// The thread's side.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) store: Arc<dyn Store>,
    pub(super) naming: Naming,
}

impl Worker {
    pub(super) fn run(self) {
        // Dropped last.
        let _end = EndOfThread(Arc::clone(&self.shared));
        self.work();
    }

    fn work(mut self) {
        let mut failed: Vec<Change> = Vec::new();
        // When to count. `None` if nothing was saved since the last count.
        let mut count_at = Some(Instant::now());
        let mut counted = Instant::now();
        // An earlier process may have been killed before it tidied up.
        let mut tidy_at = Some(Instant::now() + TIDY);
        loop {
            let retry_at = (!failed.is_empty()).then(|| Instant::now() + RETRY);
            let until = retry_at.into_iter().chain(count_at).chain(tidy_at).min();
            let Some((records, jobs)) = self.next(until) else {
                // The last attempt for what could not be written yet.
                if !failed.is_empty() {
                    drop(self.with_avatar(|avatar| self.store.save(avatar, &failed)));
                }
                if tidy_at.is_some() {
                    self.tidy();
                }
                return;
            };
            let batch = Batch::new(std::mem::take(&mut failed), records, jobs);
            if !batch.changes.is_empty() {
                count_at = count_at.or_else(|| Some(counted + COUNT));
            }
            if !batch.changes.is_empty() || batch.changes_notes() {
                let tidy_by = Instant::now() + TIDY;
                tidy_at = Some(tidy_at.map_or(tidy_by, |at| at.min(tidy_by)));
            }
            failed = self.carry_out(batch);
            if count_at.is_some_and(|at| at <= Instant::now()) {
                (counted, count_at) = (Instant::now(), None);
                self.count();
            }
            if tidy_at.is_some_and(|at| at <= Instant::now()) {
                tidy_at = self.tidy().map(|again| Instant::now() + again);
            }
        }
    }

    /// Carries out a batch. Returns the changes that failed and are to be tried again.
    fn carry_out(&mut self, mut batch: Batch) -> Vec<Change> {
        if let Some(key) = batch.key {
            self.replace_key(key);
        }
        // Claims come first: the store skips records of visitors that another store has claimed.
        if !batch.claims.is_empty() {
            log_failure(self.with_avatar(|avatar| self.store.claim(avatar, &batch.claims)));
        }
        let mut failed = Vec::new();
        let is_empty = batch.changes.is_empty();
        let save = || self.with_avatar(|avatar| self.store.save(avatar, &batch.changes));
        match if is_empty { Ok(()) } else { save() } {
            Ok(()) => batch.saves.succeed(),
            Err(error) => {
                // A store of the caller's own may quote what it could not write.
                let error = Error::from(error).hiding(&tokens_in(&batch.changes));
                warn!(target: "secondme_avatar::store", %error, "nothing could be written");
                failed = batch.changes;
                // The caller of a durable send gets the error, and may send again.
                failed.retain(|change| !matches!(change, Change::SaveMessage(..)));
                batch.saves.fail(&error);
            }
        }
        if !batch.releases.is_empty() {
            log_failure(self.with_avatar(|avatar| self.store.release(avatar, &batch.releases)));
        }
        let mut notes = Notes::default();
        for request in batch.requests {
            match request {
                Request::ChangeNote(change, now, sender) => notes.push(change, now, sender),
                request => {
                    self.change_notes(&mut notes);
                    self.answer(request, &mut failed);
                }
            }
        }
        self.change_notes(&mut notes);
        failed
    }

    /// Changes notes, all with one write of the disk.
    fn change_notes(&self, notes: &mut Notes) {
        let Notes { changes, senders, now } = std::mem::take(notes);
        if changes.is_empty() {
            return;
        }
        match self.with_avatar(|avatar| self.store.change_notes(avatar, &changes, now)) {
            Ok(changed) => senders.into_iter().zip(changed).for_each(|(sender, changed)| {
                // The caller may have given up in the meantime.
                drop(sender.send(Ok(changed)));
            }),
            Err(error) => {
                let error = Error::from(error);
                senders.into_iter().for_each(|sender| drop(sender.send(Err(error.clone()))));
            }
        }
    }

    /// Returns after what time this is to be done again.
    fn tidy(&self) -> Option<Duration> {
        self.store.tidy().unwrap_or_else(|error| {
            log_failure(Err(error));
            Some(TIDY)
        })
    }

    fn count(&self) {
        // Before it is known whose key the client has, nothing is counted.
        if self.shared.avatar.get().is_none() {
            return;
        }
        match self.with_avatar(|avatar| self.store.count(avatar)) {
            Ok(counts) => *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts,
            Err(error) => log_failure(Err(error)),
        }
    }

    /// Waits for something to do, at most until `until`. `None` if there will be nothing more.
    fn next(&self, until: Option<Instant>) -> Option<(HashMap<VisitorId, Record>, VecDeque<Job>)> {
        let mut queue = self.shared.lock();
        while queue.records.is_empty() && queue.jobs.is_empty() {
            if queue.closed {
                return None;
            }
            let Some(until) = until else {
                queue = self.shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            queue = self.shared.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Some((std::mem::take(&mut queue.records), std::mem::take(&mut queue.jobs)))
    }

    /// `failed`: changes that are to be tried again, if their visitor is not forgotten.
    fn answer(&self, request: Request, failed: &mut Vec<Change>) {
        // The caller may have given up in the meantime.
        match request {
            Request::Recognise(sender) => drop(sender.send(self.recognise())),
            Request::Identify(avatar, sender) => drop(sender.send(self.identify(avatar))),
            Request::Anyone(sender) => drop(sender.send(self.anyone())),
            Request::Load(visitor, sender) => {
                // What could not be written yet is newer.
                let unwritten = failed.iter().find_map(|change| match change {
                    Change::SaveRecord(record) if record.visitor_id == visitor => Some(record.clone()),
                    _ => None,
                });
                let load = || self.with_avatar(|avatar| self.store.load(avatar, &visitor));
                drop(sender.send(unwritten.map_or_else(load, |record| Ok(Some(record)))));
            }
            Request::Adopt(sender) => drop(sender.send(self.with_avatar(|avatar| self.store.adopt(avatar)))),
            Request::Known(sender) => drop(sender.send(self.with_avatar(|avatar| self.store.known(avatar)))),
            Request::Backup(to, sender) => drop(sender.send(self.store.backup(&to))),
            Request::Forget(visitor, sender) => {
                let forgotten = self.forget(&visitor);
                if forgotten.is_ok() {
                    failed.retain(|change| *visitor_of(change) != visitor);
                }
                drop(sender.send(forgotten));
            }
            Request::Scrub(sender) => drop(sender.send(self.store.scrub())),
            Request::Export(visitor, sender) => drop(sender.send(self.export(&visitor))),
            Request::ForgetIdle(idle, sender) => {
                let forgotten = self.names().and_then(|names| self.store.forget_idle(&names, &idle));
                let forgotten = forgotten.inspect(|forgotten| {
                    failed.retain(|change| !forgotten.contains(visitor_of(change)));
                });
                drop(sender.send(forgotten));
            }
            // Those that come one after another are carried out together.
            Request::ChangeNote(change, now, sender) => {
                let mut notes = Notes::default();
                notes.push(change, now, sender);
                self.change_notes(&mut notes);
            }
            Request::Note(visitor, key, now, sender) => {
                let note = |avatar: &AvatarRef| self.store.note(avatar, &visitor, &key, now);
                drop(sender.send(self.with_avatar(note)));
            }
            Request::Notes(prefix, now, sender) => {
                let notes = |avatar: &AvatarRef| self.store.notes(avatar, &prefix, now);
                drop(sender.send(self.with_avatar(notes)));
            }
            Request::Hold(visitor, me, sender) => {
                let routes = self.store.peers().and_then(|peers| peers.0.routes());
                let routes =
                    routes.ok_or_else(|| StoreError::unsupported("processes do not call each other here"));
                let hold = |avatar: &AvatarRef| routes?.hold(avatar, &visitor, &me);
                drop(sender.send(self.with_avatar(hold)));
            }
            Request::IsElsewhere(visitor, sender) => {
                let asked = |avatar: &AvatarRef| self.store.is_claimed_elsewhere(avatar, &visitor);
                drop(sender.send(self.with_avatar(asked)));
            }
            Request::Flush(sender) => drop(sender.send(())),
        }
    }

    /// Whether it is known whose key the client has. If so, the client's rows have their name from now on.
    fn recognise(&self) -> Result<bool, StoreError> {
        if self.shared.avatar.get().is_some() {
            return Ok(true);
        }
        if let Some(namespace) = &self.naming.namespace {
            self.earlier()?.iter().try_for_each(|earlier| self.store.rename(earlier, namespace))?;
            self.name(*namespace);
            return Ok(true);
        }
        match self.store.avatar_of(&self.naming.key)?.or(self.naming.otherwise) {
            Some(avatar) => self.identify(avatar).map(|()| true),
            None => Ok(false),
        }
    }

    fn identify(&self, avatar: AvatarRef) -> Result<(), StoreError> {
        self.store.identify(&self.naming.key, &avatar)?;
        self.name(avatar);
        Ok(())
    }

    fn replace_key(&mut self, key: KeyRef) {
        self.naming.key = key;
        if let (Some(avatar), None) = (self.shared.avatar.get(), self.naming.namespace) {
            log_failure(self.store.identify(&key, avatar));
        }
    }

    fn name(&self, avatar: AvatarRef) {
        // A second naming would say the same.
        let _ = self.shared.avatar.set(avatar);
        self.count();
    }

    fn anyone(&self) -> Result<Option<Visitor>, StoreError> {
        for avatar in self.store.avatars()? {
            if let Some(known) = self.store.known(&avatar)?.into_iter().next() {
                return Ok(Some(known.visitor));
            }
        }
        Ok(None)
    }

    fn forget(&self, visitor: &VisitorId) -> Result<(), StoreError> {
        self.store.forget(&self.names()?, visitor)
    }

    fn export(&self, visitor: &VisitorId) -> Result<Vec<StoredRow>, StoreError> {
        let names = self.names()?;
        let rows =
            names.iter().map(|name| self.store.export(name, visitor)).collect::<Result<Vec<_>, _>>()?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// The names under which the store may hold something of the client's avatar. Where the caller has named it, that is
    /// also what it was called before: rows that were in use then are there still.
    fn names(&self) -> Result<Vec<AvatarRef>, StoreError> {
        let avatar = self.with_avatar(|avatar| Ok(*avatar))?;
        let mut names = vec![avatar];
        if self.naming.namespace.is_some() {
            names.extend(self.earlier()?.into_iter().filter(|earlier| *earlier != avatar));
        }
        Ok(names)
    }

    fn earlier(&self) -> Result<BTreeSet<AvatarRef>, StoreError> {
        let Naming { key, otherwise, .. } = &self.naming;
        let known = self.store.avatar_of(key)?;
        Ok([Some(AvatarRef::former(*key)), known, *otherwise].into_iter().flatten().collect())
    }

    fn with_avatar<T>(&self, act: impl FnOnce(&AvatarRef) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self.shared.avatar.get() {
            Some(avatar) => act(avatar),
            // The client opens no visitor before it is known.
            None => {
                Err(StoreError::new("it is not known yet to which avatar the key belongs: open a visitor"))
            }
        }
    }
}

fn visitor_of(change: &Change) -> &VisitorId {
    match change {
        Change::SaveRecord(record) => &record.visitor_id,
        Change::SaveMessage(visitor, _) => visitor.id(),
        Change::ForgetMessage(visitor, _) => visitor,
    }
}

fn tokens_in(changes: &[Change]) -> KnownSecrets {
    let records = changes.iter().filter_map(|change| match change {
        Change::SaveRecord(record) => record.credentials.as_ref(),
        Change::SaveMessage(..) | Change::ForgetMessage(..) => None,
    });
    KnownSecrets::new(records.map(|credentials| &credentials.token))
}

/// For calls without a caller that waits. The next one may succeed.
fn log_failure(result: Result<(), StoreError>) {
    if let Err(error) = result {
        warn!(target: "secondme_avatar::store", %error, "the store could not be used");
    }
}
