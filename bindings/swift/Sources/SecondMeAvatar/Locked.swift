import Foundation

/// A value behind a lock. (`Synchronization.Mutex` needs newer systems than this library does.)
final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) {
        self.value = value
    }

    func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try lock.withLock { try body(&value) }
    }

    func exchange(for next: Value) -> Value {
        withLock { value in
            defer { value = next }
            return value
        }
    }
}

/// A weak reference. Such references are read and cleared under the runtime's own lock.
final class Weak<Target>: @unchecked Sendable {
    private weak var object: AnyObject?

    init(_ target: Target) {
        object = target as AnyObject
    }

    var value: Target? { object as? Target }
}
