import ChatModel
import Network
import SecondMeAvatar
import SwiftUI

/// A chat with an avatar. A person with the API key can speak as its owner's avatar, so the key is in no app: the app's
/// own server has it, and gives the signed-in user the credentials of their own visitor.
@main struct AvatarApp: App {
    // Your server. Here `examples/python/credentials_server.py` on this machine, and a session that it knows; in your app,
    // what its login has given.
    private let backend = Backend(url: "http://127.0.0.1:8000/avatar") { "session-of-ada" }
    private let client: Result<AvatarClient, any Error>

    init() {
        let backend = backend
        client = Result { try AvatarClient.withCredentials { try await backend.credentials(anew: $0.refused) } }
    }

    var body: some Scene {
        WindowGroup {
            switch client {
            case .success(let client): ChatView(client: client, backend: backend)
            case .failure(let error): Text(error.localizedDescription)
            }
        }
    }
}

/// The conversation, kept through the life of the app: background, foreground, another network.
private struct ChatView: View {
    @State private var model: ChatModel
    @Environment(\.scenePhase) private var phase

    init(client: AvatarClient, backend: Backend) {
        _model = State(initialValue: ChatModel { try await client.open(backend.credentials().visitor()) })
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
