//! What is promised of a message whose fate is unknown.

/// What becomes of a message when its answer was lost and nothing tells whether the service took it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It is handed back as an [`UnsentMessage`](crate::UnsentMessage) that is not `certain`: no message is sent twice.
    #[default]
    AtMostOnce,
    /// It is sent again under the same id: no message is lost, but a service that does not recognise the id may take
    /// it twice.
    AtLeastOnce,
}
