import ChatModel
import SecondMeAvatar
import SwiftUI

/// Messages above, what is typed below.
struct ConversationView: View {
    @Bindable var model: ChatModel

    var body: some View {
        VStack(spacing: 0) {
            ScrollViewReader { scroll in
                ScrollView {
                    LazyVStack(spacing: 8) {
                        ForEach(model.messages) { MessageView(message: $0, avatarName: model.avatarName) }
                    }
                    .padding()
                }
                .onChange(of: model.messages.last) { _, last in
                    if let last { scroll.scrollTo(last.id, anchor: .bottom) }
                }
            }
            if let problem = model.problem { Text(problem).font(.footnote).foregroundStyle(.red).padding(8) }
            HStack {
                TextField("Message", text: $model.draft, axis: .vertical).onSubmit(send)
                Button("Send", action: send).disabled(!model.canSend)
            }
            .padding()
        }
        .navigationTitle(model.avatarName)
        .overlay(alignment: .top) {
            if let notice { Text(notice).font(.footnote).padding(6).background(.thinMaterial, in: .capsule) }
        }
    }

    private var notice: String? {
        switch model.state {
        case nil, .opening: "Connecting…"
        case .reconnecting: "The connection is lost; coming back…"
        case .closed: "Closed"
        case .live, .paused, .closing: nil
        }
    }

    private func send() {
        Task { await model.send() }
    }
}

private struct MessageView: View {
    let message: ChatModel.Message
    let avatarName: String

    var body: some View {
        VStack(alignment: isOwn ? .trailing : .leading, spacing: 2) {
            if !isOwn { Text(message.author == .owner ? "In person" : avatarName).font(.caption) }
            Text(message.text)
                .padding(10)
                .background(
                    isOwn ? Color.accentColor.opacity(0.2) : Color.gray.opacity(0.2), in: .rect(cornerRadius: 12)
                )
                .opacity(message.progress == .sending ? 0.6 : 1)
            if message.progress == .failed { Text("Not sent").font(.caption).foregroundStyle(.red) }
        }
        .frame(maxWidth: .infinity, alignment: isOwn ? .trailing : .leading)
    }

    private var isOwn: Bool { message.author == .visitor }
}
