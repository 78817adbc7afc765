import SecondMeAvatar

/// Events, results and errors as scenarios write them.
extension Value {
    init(_ event: Event) throws {
        self =
            switch event.kind {
            case .opened(let opening, let resumed):
                ["type": "opened", "opening": .string(opening), "resumed": .bool(resumed)]
            case .stateChanged(let from, let to):
                ["type": "state_changed", "from": .string(from.rawValue), "to": .string(to.rawValue)]
            case .replyDelta(let text, _, _, let asked):
                ["type": "reply_delta", "text": .string(text), "asked": .bool(asked)]
            case .reply(let reply): try Value(reply).typed("reply")
            case .ownerReply(let reply): try Value(reply).typed("owner_reply")
            case .takenOver: ["type": "taken_over"]
            case .handedBack: ["type": "handed_back"]
            case .delivered(let text, _): ["type": "delivered", "text": .string(text)]
            case .unsent(let message, let error):
                ["type": "unsent", "text": .string(message.text), "error": Value(error)]
            case .notice(let kind, let text):
                ["type": "notice", "kind": .string(kind.rawValue), "text": .string(text)]
            case .serviceError(let error):
                [
                    "type": "service_error", "code": .string(error.code), "reason": .optional(error.reason),
                    "actions": try .json(error.actions), "retryable": .bool(error.retryable),
                    "message_id": .optional(error.messageID),
                ]
            case .unattributed(let author, let text):
                ["type": "unattributed", "author": .string(author.rawValue), "text": .string(text)]
            case .disconnected(_, let cause): ["type": "disconnected", "cause": Value(cause)]
            case .reconnected(.filled(let frames)):
                ["type": "reconnected", "gap": "filled", "frames": .number(Double(frames))]
            case .reconnected(.none): ["type": "reconnected", "gap": "none"]
            case .reconnected(.unknown): ["type": "reconnected", "gap": "unknown"]
            case .waitingForQuota: ["type": "waiting_for_quota"]
            case .closed(.requested): ["type": "closed", "reason": "requested"]
            case .closed(.sessionEnded): ["type": "closed", "reason": "session_ended"]
            case .closed(.failed(let error)): ["type": "closed", "reason": "failed", "error": Value(error)]
            case .unknown: ["type": "unknown", "raw": .optional(event.raw)]
            }
    }

    init(_ reply: Reply) throws {
        self = [
            "author": .string(reply.author.rawValue), "text": .string(reply.text),
            "ended": .string(reply.ended.rawValue), "asked": .bool(reply.asked),
            "parts": .list(try reply.parts.map(Value.init)),
            "sources": try .json(reply.sources), "speech": try .json(reply.speech),
        ]
    }

    init(_ part: Part) throws {
        self =
            switch part {
            case .text(let text): ["text": .string(text)]
            case .card(let template, let params):
                ["card": .string(template), "params": try params.decoded(as: Value.self)]
            }
    }

    init(_ sent: Sent) {
        self = ["message_id": .string(sent.messageID), "confirmed_by": .string(sent.confirmedBy.rawValue)]
    }

    init(_ messages: [HistoryMessage]) {
        let one = { (message: HistoryMessage) -> Value in
            ["author": .string(message.author.rawValue), "text": .string(message.text)]
        }
        self = ["messages": .list(messages.map(one))]
    }

    init(_ chat: Conversation) {
        self = [
            "opening": .string(chat.opening), "avatar_name": .string(chat.avatarName),
            "visitor_id": .string(chat.visitorID), "session_id": .optional(chat.sessionID),
        ]
    }

    init(_ error: AvatarError) {
        let unsent: Value? = error.unsent.map { ["text": .string($0.text), "certain": .bool($0.certain)] }
        self = [
            "kind": .string(error.kind.rawValue), "code": .optional(error.code), "step": .optional(error.step),
            "retryable": .bool(error.retryable),
            "retry_after": error.retryAfter.map { .number(Double($0.components.seconds)) } ?? .null,
            "unsent": unsent ?? .null,
        ]
    }

    private func typed(_ type: String) -> Value {
        .object((fields ?? [:]).merging(["type": .string(type)]) { $1 })
    }

    private static func json(_ values: [JSON]) throws -> Value {
        .list(try values.map { try $0.decoded(as: Value.self) })
    }
}
