import Foundation
internal import SecondMeAvatarCore

/// Encrypts what a ``ClientOptions/store`` keeps, so that the file is of no use without a key that lies elsewhere: in the
/// Keychain, in a key management service.
///
/// Both functions are called on a thread of their own, one call at a time and one for each row, with some hundred bytes
/// to some kilobytes. They may block, and what waits for the store waits meanwhile; so they ask no service over the network
/// for each row. A call that takes longer than 20 s counts as failed; it runs on, and until it has returned no other is
/// begun, and each fails at once. They do not call this library. A seal adds what it needs, such as a nonce, and refuses
/// bytes that were changed.
///
/// Where ``seal(_:)`` throws, nothing is written, and the call fails with an ``AvatarError`` of the kind
/// ``AvatarError/Kind-swift.enum/store``. Where ``unseal(_:)`` throws, the row stays where it is, for a later run. Both
/// times the error repeats what the thrown one says.
public protocol Seal: Sendable {
    /// The bytes as they are to be written.
    func seal(_ bytes: Data) throws -> Data

    /// What ``seal(_:)`` was given.
    func unseal(_ sealed: Data) throws -> Data
}

final class CoreSealOf: CoreSeal {
    private let inner: any Seal

    init(_ seal: any Seal) { inner = seal }

    func seal(bytes: Data) throws -> Data { try failing { try inner.seal(bytes) } }

    func unseal(bytes: Data) throws -> Data { try failing { try inner.unseal(bytes) } }

    private func failing(_ call: () throws -> Data) throws -> Data {
        do { return try call() } catch { throw CoreSealFailure.Failed(words: "\(error)") }
    }
}
