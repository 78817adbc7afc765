/// Is told what happens in a ``Conversation``: one call after the other, in order, and where the delegate lives.
///
/// The methods are asynchronous, so the conforming type decides where they run. A `@MainActor` class is called on
/// the main actor, an actor on itself; both write them as plain methods:
///
/// ```swift
/// @MainActor final class Screen: ConversationDelegate {
///     func conversation(_ conversation: Conversation, didReceive reply: Reply) { label.text = reply.text }
/// }
/// chat.delegate = screen
/// ```
///
/// All of them may be left out. While one of them runs, the next event waits; where too many wait
/// (``ClientOptions/eventQueue``), the socket is read no further.
public protocol ConversationDelegate: AnyObject, Sendable {
    /// Anything has happened: is called for every event, before the methods below.
    func conversation(_ conversation: Conversation, didHear event: Event) async
    /// The next piece of the avatar's reply.
    func conversation(_ conversation: Conversation, didReceivePiece text: String) async
    /// A reply is complete, by the avatar or by its owner in person: ``Reply/author``.
    func conversation(_ conversation: Conversation, didReceive reply: Reply) async
    /// The conversation's state is another one.
    func conversation(_ conversation: Conversation, didChangeTo state: Conversation.State) async
    /// The avatar's owner has the conversation (true), or has given it back.
    func conversation(_ conversation: Conversation, isTakenOver: Bool) async
    /// A message is given up for which no call waits any more. Here it is back.
    func conversation(_ conversation: Conversation, didGiveUp message: UnsentMessage, because error: AvatarError) async
    /// The conversation is closed. Nothing follows this.
    func conversation(_ conversation: Conversation, didClose reason: CloseReason) async
}

extension ConversationDelegate {
    /// Does nothing.
    public func conversation(_ conversation: Conversation, didHear event: Event) async {}
    /// Does nothing.
    public func conversation(_ conversation: Conversation, didReceivePiece text: String) async {}
    /// Does nothing.
    public func conversation(_ conversation: Conversation, didReceive reply: Reply) async {}
    /// Does nothing.
    public func conversation(_ conversation: Conversation, didChangeTo state: Conversation.State) async {}
    /// Does nothing.
    public func conversation(_ conversation: Conversation, isTakenOver: Bool) async {}
    /// Does nothing.
    public func conversation(
        _ conversation: Conversation, didGiveUp message: UnsentMessage, because error: AvatarError
    ) async {}
    /// Does nothing.
    public func conversation(_ conversation: Conversation, didClose reason: CloseReason) async {}

    fileprivate func tell(_ event: Event, of conversation: Conversation) async {
        await self.conversation(conversation, didHear: event)
        switch event.kind {
        case .replyDelta(let text, _, _, _, _): await self.conversation(conversation, didReceivePiece: text)
        case .reply(let reply), .ownerReply(let reply): await self.conversation(conversation, didReceive: reply)
        case .stateChanged(let state, _): await self.conversation(conversation, didChangeTo: state)
        case .takenOver: await self.conversation(conversation, isTakenOver: true)
        case .handedBack: await self.conversation(conversation, isTakenOver: false)
        case .unsent(let message, let error):
            await self.conversation(conversation, didGiveUp: message, because: error)
        case .closed(let reason): await self.conversation(conversation, didClose: reason)
        // All of them come as `didHear`.
        default: break
        }
    }
}

/// Takes the events of a conversation to its delegate. Holds neither: a delegate that is gone is told nothing more.
final class Delivery: Sendable {
    private let events: Events
    private let target: Weak<any ConversationDelegate>
    private let task: Task<Void, Never>

    init(_ events: Events, of conversation: Conversation, to delegate: any ConversationDelegate) {
        let (target, source) = (Weak<any ConversationDelegate>(delegate), Weak(conversation))
        self.events = events
        self.target = target
        task = Task.detached {
            for await event in events {
                guard let delegate = target.value, let conversation = source.value else { break }
                await delegate.tell(event, of: conversation)
            }
            events.cancel()
        }
    }

    var delegate: (any ConversationDelegate)? { target.value }

    func stop() {
        task.cancel()
        events.cancel()
    }
}
