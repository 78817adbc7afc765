//! What a machine counts.

use crate::rare::GiveBack;

/// What has been counted since the machine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Frames received.
    pub frames: u64,
    /// Frames dropped because they had been received before.
    pub duplicates: u64,
    /// Frames dropped because they named another socket.
    pub foreign: u64,
    /// Frames that were not JSON objects.
    pub malformed: u64,
    /// Frames of a session that is not open here.
    pub unrouted: u64,
    /// Pings sent.
    pub pings: u64,
    /// Messages that the service took.
    pub sent: u64,
    /// Replies delivered, by the avatar or by its owner.
    pub replies: u64,
    /// Sockets lost.
    pub lost: u64,
    /// HTTP calls made.
    pub calls: u64,
    /// Authentications.
    pub authentications: u64,
}

impl GiveBack for Counters {
    const EMPTY: &'static Self = &Self {
        frames: 0,
        duplicates: 0,
        foreign: 0,
        malformed: 0,
        unrouted: 0,
        pings: 0,
        sent: 0,
        replies: 0,
        lost: 0,
        calls: 0,
        authentications: 0,
    };

    fn give_back(&mut self) -> bool {
        self == Self::EMPTY
    }
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.duplicates += other.duplicates;
        self.foreign += other.foreign;
        self.malformed += other.malformed;
        self.unrouted += other.unrouted;
        self.pings += other.pings;
        self.sent += other.sent;
        self.replies += other.replies;
        self.lost += other.lost;
        self.calls += other.calls;
        self.authentications += other.authentications;
    }
}
