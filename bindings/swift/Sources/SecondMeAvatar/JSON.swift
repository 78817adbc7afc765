import Foundation

/// A piece of JSON, as the service wrote it.
public struct JSON: Sendable, Hashable {
    /// Its text.
    public let text: String

    init(_ text: String) {
        self.text = text
    }

    /// The value, as this type.
    public func decoded<Value: Decodable>(as type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}

extension JSON: CustomStringConvertible, CustomReflectable {
    /// How long it is.
    public var description: String { "JSON(\(text.count) characters)" }
    /// Nothing that `description` does not say.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
