import Observation
import SecondMeAvatar

/// A conversation as a screen shows it. Knows nothing of SwiftUI, so that it can be tested everywhere.
@MainActor @Observable public final class ChatModel {
    /// A message on the screen.
    public struct Message: Identifiable, Sendable, Equatable {
        public enum Progress: Sendable, Equatable { case growing, whole, sending, failed }

        public let id: Int
        public let author: Author
        public internal(set) var text: String
        public internal(set) var progress: Progress
    }

    public private(set) var messages: [Message] = []
    public private(set) var avatarName = ""
    /// Nil before it is open.
    public private(set) var state: Conversation.State?
    /// What to tell the user.
    public private(set) var problem: String?
    /// What is being typed.
    public var draft = ""

    private let open: @Sendable () async throws -> Conversation
    private var chat: Conversation?
    /// Which reply grows in which message.
    private var growing: (replyID: String?, message: Int)?

    /// - Parameter open: opens the conversation, as `try await client.open(.forUser("ios", userID))` does.
    public init(open: @escaping @Sendable () async throws -> Conversation) {
        self.open = open
    }

    public var canSend: Bool {
        chat != nil && state != .closed && !draft.allSatisfy(\.isWhitespace)
    }

    /// Opens the conversation and shows what happens in it, until the task is cancelled: `.task { await model.run() }`.
    public func run() async {
        do {
            let chat = try await open()
            let events = chat.events
            if self.chat == nil, !chat.opening.isEmpty { show(chat.opening, by: .avatar) }
            (self.chat, avatarName, state, problem) = (chat, chat.avatarName, chat.state, nil)
            for await event in events { hear(event) }
        } catch is CancellationError {
            return
        } catch {
            problem = error.localizedDescription
        }
    }

    /// Sends the draft. What cannot be sent stays on the screen as failed, and comes back as the draft if nothing else
    /// has been typed.
    public func send() async {
        guard canSend, let chat else { return }
        let text = draft
        draft = ""
        let message = show(text, by: .visitor, .sending)
        do {
            try await chat.send(text)
            messages[message].progress = .whole
            problem = nil
        } catch {
            messages[message].progress = .failed
            problem = error.localizedDescription
            if draft.isEmpty { draft = text }
        }
    }

    /// The app goes to the background: the socket is given up.
    public func pause() async { await trying { try await $0.pause() } }

    /// The app is back: so is the conversation, with all that was said meanwhile.
    public func resume() async { await trying { try await $0.resume() } }

    /// The phone has another network.
    public func networkChanged() async { await trying { try await $0.networkChanged() } }

    private func trying(_ call: (Conversation) async throws -> Void) async {
        guard let chat, state != .closed else { return }
        do {
            try await call(chat)
        } catch is CancellationError {
            return
        } catch {
            problem = error.localizedDescription
        }
    }

    private func hear(_ event: Event) {
        switch event.kind {
        case .replyDelta(let text, let replyID, _, _, _):
            if let growing, growing.replyID == replyID {
                messages[growing.message].text += text
            } else {
                growing = (replyID, show(text, by: .avatar, .growing))
            }
        case .reply(let reply):
            if let growing, growing.replyID == reply.id {
                (messages[growing.message].text, messages[growing.message].progress) = (reply.text, .whole)
            } else {
                show(reply.text, by: .avatar)
            }
            growing = nil
        case .ownerReply(let reply): show(reply.text, by: .owner)
        case .serviceError(let error): problem = error.reason ?? error.code
        case .stateChanged(let state, _): self.state = state
        case .closed(.failed(let error)): problem = error.message
        default: break
        }
    }

    @discardableResult
    private func show(_ text: String, by author: Author, _ progress: Message.Progress = .whole) -> Int {
        messages.append(Message(id: messages.count, author: author, text: text, progress: progress))
        return messages.count - 1
    }
}
