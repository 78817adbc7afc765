import Foundation
import Testing

@testable import SecondMeAvatar

/// A toy: it hides the words, and fails when told to.
private struct Mask: Seal {
    struct Locked: Error, CustomStringConvertible { let description = "the keychain is locked" }
    var fails = false

    func seal(_ bytes: Data) throws -> Data { try turned(bytes) }
    func unseal(_ sealed: Data) throws -> Data { try turned(sealed) }

    private func turned(_ bytes: Data) throws -> Data {
        if fails { throw Locked() }
        return Data(bytes.map { $0 ^ 0x55 })
    }
}

@Suite struct SealTests {
    @Test func whatIsSealedCannotBeReadInTheFileAndTheNextRunGoesOn() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let emulator = try await Emulator.start()
        var options = ClientOptions()
        options.store = folder.appendingPathComponent("avatar.db").path
        options.seal = Mask()
        let visitor = try Visitor.forUser("ios", "ada", name: "a name to hide")
        let first = try emulator.client(options)
        let session = try await first.open(visitor).sessionID
        await first.close()
        let files = storeFiles(of: try #require(options.store))
        #expect(!files.isEmpty)
        for file in files {
            #expect(try Data(contentsOf: file).range(of: Data("a name to hide".utf8)) == nil)
        }
        let second = try emulator.client(options)
        #expect(try await second.known().map(\.name) == ["a name to hide"])
        #expect(try await second.open(visitor).sessionID == session)
        await second.close()

        options.seal = Mask(fails: true)
        let locked = try emulator.client(options)
        let error = await failure { try await locked.open(visitor) }
        #expect(error?.kind == .store)
        #expect(error?.message.contains("the keychain is locked") == true)
        await locked.close()
    }

    @Test func aSealWithoutAStoreIsAMisuse() async {
        var options = ClientOptions()
        options.seal = Mask()
        let error = await failure { [options] in try AvatarClient(apiKey: "sk-1", options: options) }
        #expect(error?.kind == .misuse)
    }
}
