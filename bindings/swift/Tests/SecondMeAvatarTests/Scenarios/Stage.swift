import Foundation
import SecondMeAvatar

/// What a step came to, and the conversation it opened.
struct Outcome: Sendable {
    var found: Value
    var hasFailed = false
    var chat: Conversation?

    /// The outcome of something that a program would do with the library.
    static func of(_ work: @Sendable () async throws -> Outcome) async throws -> Outcome {
        do {
            return try await work()
        } catch let error as AvatarError {
            return Outcome(found: Value(error), hasFailed: true)
        }
    }

    static func opened(_ chat: Conversation) -> Outcome { Outcome(found: Value(chat), chat: chat) }
}

/// What a scenario is played on: an emulator, a client, and all that was heard.
final class Stage {
    private let emulator: Emulator
    private let client: AvatarClient
    private let events: Events
    private let heard = Heard()
    private var chats: [String: Conversation] = [:]
    /// How far the events of a conversation have been looked at.
    private var read: [String: Int] = [:]
    private var later: [String: Task<Outcome, any Error>] = [:]
    private let listening: Task<Void, Never>

    /// What may stand in a step, so that a slip of the pen does not pass for a check that was met.
    private static let words: Set = [
        "in", "as", "text", "collect", "count", "name", "visitor_id", "later", "gives", "fails", "events", "replies",
        "is", "key", "prefix", "lifetime", "message_id", "method", "path", "body",
    ]
    /// What needs no conversation.
    private static let keeping: Set = ["set_note", "add_note", "note", "delete_note", "notes", "request"]
    /// The parts of a scenario.
    private static let parts: Set = ["about", "door", "emulator", "faults", "client", "steps"]
    /// Whose words are the emulator's.
    private static let free: Set = ["call", "service"]

    init(_ scenario: Value) async throws {
        if let part = scenario.fields?.keys.first(where: { !Self.parts.contains($0) }) {
            throw Failure("a scenario has no part `\(part)`")
        }
        emulator = try await Emulator.start()
        client = try SecondMeAvatarTests.client(
            of: emulator, at: scenario["door"].string ?? "avatar-open-api", scenario["client"])
        events = client.events(raw: true)
        listening = Task { [events, heard] in
            for await event in events { await heard.add(event) }
        }
        for (call, part) in [("settings", "emulator"), ("faults", "faults")] where scenario[part] != .null {
            try await emulator.call(call, scenario[part])
        }
    }

    /// Plays one step: one verb, and what it is about.
    func play(_ step: Value) async throws {
        guard let (verb, said) = step.fields?.first else { throw Failure("it is no step") }
        let about = try substitute(said)
        if !Self.free.contains(verb), let word = about.fields?.keys.first(where: { !Self.words.contains($0) }) {
            throw Failure("`\(verb)` knows no `\(word)`")
        }
        switch verb {
        case "seconds":
            guard let seconds = about.number else { throw Failure("`seconds` takes a whole number") }
            try await pass(Int(seconds))
        case "call":
            for (call, body) in (about.fields ?? [:]).sorted(by: { $0.key < $1.key }) {
                try await emulator.call(call, body)
            }
        case "service":
            var state = Value.null
            try await until("it is \(state)") {
                state = try await emulator.call("state")
                return matches(about, state) ? () : nil
            }
        case "journal":
            try await until("not all of that is in the journal") {
                let journal = try await emulator.call("journal")["entries"].list ?? []
                return inOrder(about.list ?? [.null], in: journal).map { _ in }
            }
        case "expect": try await expect(about)
        case "heard": try await hear(about)
        case "never":
            let events = try await events(of: name(about))
            guard let unwanted = about["events"].list else { throw Failure("`never` takes `events`") }
            if let event = events.first(where: { event in unwanted.contains { matches($0, event) } }) {
                throw Failure("there was \(event)")
            }
        case "state":
            let chat = try chat(name(about))
            try await until("it is \(chat.state)") { about["is"].string == chat.state.rawValue ? () : nil }
        case "await":
            let name = try name(about)
            guard let task = later.removeValue(forKey: name) else { throw Failure("nothing goes by that name") }
            try await settle(name, task, about)
        default:
            let (name, task) = try begin(verb, about)
            if let later = about["later"].string {
                self.later[later] = task
            } else {
                try await settle(name, task, about)
            }
        }
    }

    /// Ends the scenario: whatever still waits must come to an end by closing.
    func clear() async throws {
        let (client, later, listening) = (client, later.values, listening)
        try await soon("closing") {
            await client.close()
            // What they came to does not matter; that they came to an end does.
            for task in later { _ = await task.result }
            await listening.value
        }
    }

    /// What was heard, to show why a scenario failed.
    func log() async -> String {
        let lines = await heard.all.map { "  \($0.visitor.prefix(12)) \($0.event)\n" }
        return "what was heard:\n" + lines.joined()
    }

    /// Does what a program would do with the library. The result comes by itself.
    private func begin(_ verb: String, _ about: Value) throws -> (String, Task<Outcome, any Error>) {
        let task = { (work: @escaping @Sendable () async throws -> Outcome) in
            Task { try await Outcome.of(work) }
        }
        if Self.keeping.contains(verb) {
            let client = client
            return ("", task { Outcome(found: try await keep(client, verb, about)) })
        }
        if verb == "open" {
            let name = try name(about)
            let client = client
            return (name, task { .opened(try await client.open(visitor(name, about))) })
        }
        let name = try name(about)
        let chat = try chat(name)
        let text = about["text"].string ?? ""
        let collect = about["collect"].number.map { Duration.seconds($0) }
        let id = about["message_id"].string
        let done = { (work: @escaping @Sendable () async throws -> Void) in
            task {
                try await work()
                return Outcome(found: [:])
            }
        }
        switch verb {
        case "ask":
            return (name, task { Outcome(found: try Value(try await chat.ask(text, collect: collect, messageID: id))) })
        case "stream":
            let stream = chat.stream(text, collect: collect, messageID: id)
            return (name, task { Outcome(found: ["text": .string(try await stream.reduce("") { $0 + $1.text })]) })
        case "send": return (name, task { Outcome(found: try Value(try await chat.send(text, messageID: id))) })
        case "history":
            let count = about["count"].number.map { Int($0) } ?? 50
            return (name, task { Outcome(found: try Value(try await chat.history(count))) })
        case "new_session":
            return (about["as"].string ?? name, task { .opened(try await chat.newSession()) })
        case "close": return (name, done { try await chat.close() })
        case "end": return (name, done { try await chat.end() })
        case "pause": return (name, done { try await chat.pause() })
        case "resume": return (name, done { try await chat.resume() })
        case "network_changed": return (name, done { try await chat.networkChanged() })
        default: throw Failure("there is no step `\(verb)`")
        }
    }

    /// Waits for a result, and holds it against what the scenario says.
    private func settle(_ name: String, _ task: Task<Outcome, any Error>, _ about: Value) async throws {
        let outcome = try await soon { try await task.value }
        if let chat = outcome.chat { chats[name] = chat }
        let pattern = about[outcome.hasFailed ? "fails" : "gives"]
        let isWanted = outcome.hasFailed == (about["fails"] != .null)
        guard isWanted, pattern == .null || matches(pattern, outcome.found) else {
            throw Failure("it came to \(outcome.found)")
        }
    }

    /// These events, in this order; others may stand between. Those before were expected already.
    private func expect(_ about: Value) async throws {
        let name = try name(about)
        guard let wanted = about["events"].list else { throw Failure("`expect` takes `events`") }
        let from = read[name] ?? 0
        read[name] = try await until("not all of these have come") {
            inOrder(wanted, in: try await events(of: name)[from...]).map { from + $0 }
        }
    }

    /// These whole replies, all there were from the beginning on, and no other.
    private func hear(_ about: Value) async throws {
        let name = try name(about)
        var said = Value.null
        try await until("it was \(said)") {
            let whole = try await events(of: name).filter { ["reply", "owner_reply"].contains($0["type"]) }
            said = .list(whole.map { ["author": $0["author"], "text": $0["text"]] })
            return matches(about["replies"], said) ? () : nil
        }
    }

    /// Both clocks go on together, a second at a time: the client's first, so that its pings are on their way when
    /// the emulator looks for them.
    private func pass(_ seconds: Int) async throws {
        for _ in 0..<seconds {
            client.advanceClock(by: .seconds(1))
            try await emulator.call("clock", ["advance_ms": 1000])
        }
    }

    /// The events of a conversation: those of its session, and those of its visitor that name none.
    private func events(of name: String) async throws -> [Value] {
        let chat = chats[name]
        let session = chat?.sessionID
        let own = try chat?.visitorID ?? visitor(String(name.prefix { $0 != "/" }), .null).id
        return await heard.all.filter {
            $0.visitor == own && ($0.session == nil || session == nil || $0.session == session)
        }.map(\.event)
    }

    private func chat(_ name: String) throws -> Conversation {
        guard let chat = chats[name] else { throw Failure("no conversation goes by the name `\(name)`") }
        return chat
    }

    /// `$ada.session` and `$ada.visitor` stand for the ids of the conversation `ada`.
    private func substitute(_ value: Value) throws -> Value {
        switch value {
        case .string(let text) where text.hasPrefix("$") && text.hasSuffix(".session"):
            guard let session = try chat(String(text.dropFirst().dropLast(8))).sessionID else {
                throw Failure("there is no session yet")
            }
            return .string(session)
        case .string(let text) where text.hasPrefix("$") && text.hasSuffix(".visitor"):
            return .string(try visitor(String(text.dropFirst().dropLast(8)), .null).id)
        case .list(let items): return .list(try items.map(substitute))
        case .object(let fields): return .object(try fields.mapValues(substitute))
        default: return value
        }
    }
}

/// All events, each with the visitor and the session it belongs to.
private actor Heard {
    struct One: Sendable {
        let visitor: String
        var session: String?
        let event: Value
    }

    private(set) var all: [One] = []

    func add(_ event: Event) {
        if case .sessionReplaced(let from, let to) = event.kind {
            // The conversation goes on in another session, and what was heard in the old one is its own.
            for at in all.indices where all[at].session == from { all[at].session = to }
        }
        let value = (try? Value(event)) ?? ["type": "an event that holds no JSON"]
        all.append(One(visitor: event.visitorID, session: event.sessionID, event: value))
    }
}

/// What a program does with the client beside its conversations: notes, and calls of its own.
private func keep(_ client: AvatarClient, _ verb: String, _ about: Value) async throws -> Value {
    let whose = try about["in"].string.map { try visitor($0, about) }
    if verb == "request" {
        let path = about["path"].list?.compactMap(\.string).joined() ?? about["path"].string ?? ""
        let json = try JSONEncoder().encode(about["body"])
        let body = about["body"] == .null ? nil : String(decoding: json, as: UTF8.self)
        let data = try await client.request(about["method"].string ?? "", path, body: body, visitor: whose)
        return ["data": try .parse(Data(data.utf8))]
    }
    guard let whose else {
        let notes = try await client.notes(about["prefix"].string ?? "")
        return [
            "notes": .list(
                notes.map { ["visitor_id": .string($0.visitor.id), "key": .string($0.key), "text": .string($0.text)] })
        ]
    }
    let (key, text) = (about["key"].string ?? "", about["text"].string ?? "")
    let lifetime = about["lifetime"].number.map { Duration.seconds($0) }
    switch verb {
    case "set_note":
        try await client.setNote(whose, key, text, lifetime: lifetime)
        return [:]
    case "add_note": return ["done": .bool(try await client.addNote(whose, key, text, lifetime: lifetime))]
    case "delete_note": return ["done": .bool(try await client.deleteNote(whose, key))]
    default: return ["text": .optional(try await client.note(whose, key))]
    }
}

/// The visitor of a conversation's name; or the one whose id the scenario gives.
private func visitor(_ name: String, _ about: Value) throws -> Visitor {
    var visitor =
        if let id = about["visitor_id"].string { try Visitor.parse(id) } else {
            try Visitor.forUser("scenario", name)
        }
    if let name = about["name"].string { (visitor.name, visitor.channel) = (name, "scenario") }
    return visitor
}

private func name(_ about: Value) throws -> String {
    guard let name = about.string ?? about["in"].string else {
        throw Failure("it does not say in which conversation: `in`")
    }
    return name
}

/// A client of the emulator, at the door that the scenario names.
private func client(of emulator: Emulator, at door: String, _ given: Value) throws -> AvatarClient {
    var options = try SecondMeAvatarTests.options(given)
    let key = given["key"].string ?? emulator.apiKey
    if door == "avatar-open-api", let words = given["credentials"].list {
        options.baseURL = emulator.baseURL
        let given = Given(emulator: emulator, words: words.map { $0.string ?? "" })
        return try .withCredentials(options: options) { try await given.credentials(of: $0.visitorID) }
    }
    guard door != "avatar-open-api" else { return try emulator.client(options, key: key) }
    guard door == "visitor-chat" else { throw Failure("there is no door `\(door)`") }
    options.baseURL = emulator.labBaseURL
    guard let tokens = given["user_tokens"].list?.map({ $0.string ?? "" }) else {
        return try .visitorChat(
            clientID: emulator.clientID, clientSecret: given["client_secret"].string ?? emulator.clientSecret,
            apiKey: key, options: options)
    }
    // The first, and after each refusal the next, as long as there is one.
    let turn = Turn()
    return try .visitorChat(apiKey: key, options: options) { request in
        tokens[min(await turn.at(afterRefusal: request.refused), tokens.count - 1)]
    }
}

private actor Turn {
    private var refusals = 0

    func at(afterRefusal: Bool) -> Int {
        refusals += afterRefusal ? 1 : 0
        return refusals
    }
}

/// A caller's credentials, as its words say, one after the other.
private actor Given {
    private let emulator: Emulator
    private var words: ArraySlice<String>
    private var last: Credentials?

    init(emulator: Emulator, words: [String]) {
        self.emulator = emulator
        self.words = words[...]
    }

    func credentials(of visitorID: String) async throws -> Credentials {
        let word = words.popFirst() ?? "throws"
        if word == "same", let last { return last }
        guard let key = ["authenticated": emulator.apiKey, "unknown_key": "sk-unknown"][word] else {
            throw Failure("no user is signed in")
        }
        let server = try emulator.client(key: key)
        do {
            let given = try await server.authenticate(.parse(visitorID))
            last = given
            await server.close()
            return given
        } catch {
            await server.close()
            throw error
        }
    }
}

private func options(_ given: Value) throws -> ClientOptions {
    var options = ClientOptions()
    for (option, value) in given.fields ?? [:] {
        let seconds = value.number.map { Duration.seconds($0) }
        switch option {
        case "key", "client_secret", "user_tokens", "credentials": break
        case "acknowledge": options.acknowledge = value.bool
        case "ping_unnamed": options.pingUnnamed = value.bool
        case "delivery": options.delivery = value.string.flatMap(ClientOptions.Delivery.init(rawValue:))
        case "origin": options.origin = value.string
        case "quota": options.quota = value.number.map { Int($0) }
        case "heartbeat": options.heartbeat = seconds
        case "reply_idle": options.replyIdle = seconds
        case "open_deadline": options.openDeadline = seconds
        case "send_deadline": options.sendDeadline = seconds
        case "ask_deadline": options.askDeadline = seconds
        case "first_piece_deadline": options.firstPieceDeadline = seconds
        case "owner_deadline": options.ownerDeadline = seconds
        default: throw Failure("there is no client option `\(option)`")
        }
    }
    return options
}
