//! What is promised of a message whose fate is unknown.

/// What becomes of a message when its answer was lost, and no echo has come of it within 3 s.
///
/// With every choice the service is asked for the message first, where it can be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// A message that the service does not have is sent again under the same id, within its deadline. Where nothing
    /// can tell, as on Visitor Chat, it is handed back as an [`UnsentMessage`](crate::UnsentMessage) that is not
    /// `certain`.
    #[default]
    Checked,
    /// A message that may have been taken never goes out again: it is handed back, unless the service has it.
    AtMostOnce,
    /// It is sent again under the same id: no message is lost, but a service that does not recognise the id may take
    /// it twice. Visitor Chat takes no id with a message, so there it is twice wherever the first one had been taken.
    AtLeastOnce,
}
