//! What the store has to do: how many commands, those within a script counted, as the scripts of the library's store in
//! Redis have them.

/// The commands of a model of Redis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Redis {
    commands: u64,
    letters: u64,
}

/// A letter alone takes 15: `post.lua` with GET, EXISTS twice, XLEN, XADD, INCRBY, PEXPIRE twice, and `read.lua` with SET,
/// XDEL, DECRBY, DEL, after an XREAD. Several share a script and a look: 10 each were measured.
const LETTER: u64 = 10;

/// A record alone takes 9: `save.lua` with EXISTS twice, INCRBY, SADD, HGET, HSET, ZADD twice. Several are saved together:
/// 7 each were measured.
const SAVE: u64 = 7;

/// `hold.lua` where another process has the visitor: the script, EXISTS twice, HGET twice, SADD.
const FOUND: u64 = 6;

/// `hold.lua` where none has: the script, EXISTS, HGET twice, SADD, HSET three times, SMEMBERS, DEL, HGETALL; and the
/// record is loaded.
const HELD: u64 = 11 + 2;

/// In a second, of a process that does nothing: four looks for letters of a script, SET and XREAD; the renewal of the
/// lease and the report of the quota every 2.5 s. A look for the lease of each other process comes with each of the four.
const IDLE: f64 = 4.0 * 3.0 + 0.4 * (1.0 + 14.0);
const WATCHES: f64 = 4.0;

impl Redis {
    /// The commands of processes that do nothing, in a second.
    pub fn idle(processes: usize) -> f64 {
        let processes = processes as f64;
        processes * (IDLE + WATCHES * (processes - 1.0))
    }

    /// The commands so far, but for those of [`idle`](Self::idle).
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// How many letters processes have written to each other.
    pub fn letters(&self) -> u64 {
        self.letters
    }

    pub(super) fn letter(&mut self) {
        self.letters += 1;
        self.commands += LETTER;
    }

    /// A process opens a visitor for the first time, whom another one has, or none.
    pub(super) fn opens(&mut self, is_held: bool) {
        self.commands += if is_held { FOUND } else { HELD };
        (0..2 * u64::from(is_held)).for_each(|_| self.letter());
    }

    /// A question goes to another process: the command to open, how the conversation stands, that it is open, the question.
    pub(super) fn asks(&mut self) {
        (0..4).for_each(|_| self.letter());
    }

    /// One of these takes a visitor whose process is gone, and the others find it.
    pub(super) fn takes(&mut self, open: usize) {
        self.commands += HELD;
        (1..open).for_each(|_| {
            self.commands += FOUND;
            self.letter();
            self.letter();
        });
    }

    pub(super) fn saves(&mut self) {
        self.commands += SAVE;
    }

    /// An answer goes to another process, in so many pieces and whole.
    pub(super) fn answers(&mut self, pieces: usize) {
        (0..=pieces).for_each(|_| self.letter());
    }
}
