import ChatModel
import Network
import SecondMeAvatar
import SwiftUI

/// A chat with an avatar. A person with the API key can speak as its owner's avatar. So the key is not in the app, but
/// asked for; an app for others would get it from a server of yours.
@main struct AvatarApp: App {
    @State private var client: AvatarClient?

    var body: some Scene {
        WindowGroup {
            if let client {
                ChatView(client: client)
            } else {
                KeyView { client = $0 }
            }
        }
    }
}

/// Asks for the API key.
private struct KeyView: View {
    let done: (AvatarClient) -> Void
    @State private var key = ""
    @State private var problem: String?

    var body: some View {
        Form {
            SecureField("API key (sk-…)", text: $key)
            Button("Talk") {
                do {
                    done(try AvatarClient(apiKey: key))
                } catch {
                    problem = error.localizedDescription
                }
            }
            .disabled(key.isEmpty)
            if let problem { Text(problem).foregroundStyle(.red) }
        }
        .padding()
    }
}

/// The conversation, kept through the life of the app: background, foreground, another network.
private struct ChatView: View {
    @State private var model: ChatModel
    @Environment(\.scenePhase) private var phase

    init(client: AvatarClient) {
        _model = State(initialValue: ChatModel { try await client.open(.forUser("ios", InstallationID.own)) })
    }

    var body: some View {
        ConversationView(model: model)
            .task { await model.run() }
            .task { await watchNetwork() }
            .onChange(of: phase) { before, now in
                Task {
                    switch now {
                    case .background: await model.pause()
                    case .active where before != .active: await model.resume()
                    default: break
                    }
                }
            }
    }

    /// Says so each time that the device has another network than before. The first one is no change.
    private func watchNetwork() async {
        var last: [String]?
        for await path in NWPathMonitor() where path.status == .satisfied {
            let interfaces = path.availableInterfaces.map(\.name)
            if let last, last != interfaces { await model.networkChanged() }
            last = interfaces
        }
    }
}

/// Who this is: the same one as long as the app is installed.
private enum InstallationID {
    static var own: String {
        let defaults = UserDefaults.standard
        if let id = defaults.string(forKey: "visitor") { return id }
        let id = UUID().uuidString
        defaults.set(id, forKey: "visitor")
        return id
    }
}
