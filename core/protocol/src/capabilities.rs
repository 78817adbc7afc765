//! The message query, which is not on the vendor's API page: what the service has shown of it.

use crate::conversation::QueryKind;
use crate::door::Door;

/// Which message queries the service has.
#[derive(Debug, Default)]
pub(crate) struct Capabilities {
    latest: Capability,
    named: Capability,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Capability {
    /// It was not answered yet.
    #[default]
    Unknown,
    /// The service has answered it: a page in the place of an answer comes from something in between.
    Available,
    /// A page said that there is no such call, the service's page or that of something in between. The query is
    /// tried again over the next connection.
    Denied,
    /// The service itself said that there is no such call.
    Absent,
}

/// Who said that there is no such call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeniedBy {
    /// A page that may come from something in between.
    Page,
    /// The service itself.
    Service,
}

impl Capabilities {
    /// What is known before anything is asked.
    pub(crate) fn of_door(door: Door) -> Self {
        if door.has_history() {
            return Self::default();
        }
        Self { latest: Capability::Absent, named: Capability::Absent }
    }

    /// Whether such a query is worth a try.
    pub(crate) fn allows(&self, kind: QueryKind) -> bool {
        matches!(self.of(kind), Capability::Unknown | Capability::Available)
    }

    /// Whether the service has answered such a query before.
    pub(crate) fn is_proven(&self, kind: QueryKind) -> bool {
        self.of(kind) == Capability::Available
    }

    /// The service has answered such a query.
    pub(crate) fn answered(&mut self, kind: QueryKind) {
        *self.of_mut(kind) = Capability::Available;
    }

    /// There is no such query.
    pub(crate) fn denied(&mut self, kind: QueryKind, by: DeniedBy) {
        *self.of_mut(kind) = match by {
            DeniedBy::Page => Capability::Denied,
            DeniedBy::Service => Capability::Absent,
        };
    }

    /// The connection is another one: what a page denied may be there now.
    pub(crate) fn reconnected(&mut self) {
        for capability in [&mut self.latest, &mut self.named] {
            if *capability == Capability::Denied {
                *capability = Capability::Unknown;
            }
        }
    }

    fn of(&self, kind: QueryKind) -> Capability {
        match kind {
            QueryKind::Latest => self.latest,
            QueryKind::Named => self.named,
        }
    }

    fn of_mut(&mut self, kind: QueryKind) -> &mut Capability {
        match kind {
            QueryKind::Latest => &mut self.latest,
            QueryKind::Named => &mut self.named,
        }
    }
}
