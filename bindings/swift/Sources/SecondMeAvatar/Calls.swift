import Foundation
internal import SecondMeAvatarCore

/// Awaits a call of the core. When the task is cancelled, the core has dropped its work before `cancel` returns, and
/// `CancellationError` is thrown.
///
/// - Parameter even: the call is begun even where the task is cancelled already.
func cancellable<Value>(
    even whenCancelled: Bool = false, _ call: (CoreCancel) async throws -> Value
) async throws -> Value {
    if !whenCancelled { try Task.checkCancellation() }
    let cancel = CoreCancel()
    // UniFFI drops a Rust future only when it is over: so its work is dropped, and it is over.
    return try await withTaskCancellationHandler {
        do {
            return try await call(cancel)
        } catch let error as CoreError {
            throw error.translated
        }
    } onCancel: {
        cancel.cancel()
    }
}

/// Makes a call of the core whose failures are ``AvatarError``s.
func failing<Value>(_ call: () throws -> Value) throws -> Value {
    do {
        return try call()
    } catch let error as CoreError {
        throw error.translated
    }
}

extension CoreError {
    var translated: any Error {
        switch self {
        case .Failed(let failure): AvatarError(failure)
        case .Cancelled: CancellationError()
        }
    }
}

/// A duration as the core takes it, in whole milliseconds. A negative one is a misuse.
func milliseconds(
    _ duration: Duration?, _ what: String = "deadline", _ wanted: String = "0 or more"
) throws -> UInt64? {
    guard let duration else { return nil }
    try refuseNegative(duration, what, wanted)
    return duration.milliseconds
}

/// A negative duration is a misuse.
func refuseNegative(_ duration: Duration, _ what: String, _ wanted: String = "0 or more") throws {
    guard duration >= .zero else { throw AvatarError(.misuse, "\(what) cannot be \(duration): choose \(wanted)") }
}

/// A number of things as the core takes it.
func count(_ number: Int?, _ what: String, _ wanted: String = "0 to \(UInt32.max)") throws -> UInt32? {
    guard let number else { return nil }
    guard let count = UInt32(exactly: number) else {
        throw AvatarError(.misuse, "\(what) cannot be \(number): choose \(wanted)")
    }
    return count
}

extension Duration {
    /// Whole milliseconds; none of a negative duration.
    var milliseconds: UInt64 {
        guard self > .zero else { return 0 }
        let (seconds, attoseconds) = components
        let (whole, overflows) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
        return overflows ? .max : whole &+ UInt64(attoseconds / 1_000_000_000_000_000)
    }
}

extension Date {
    /// A point in time as it comes out of the core.
    init(milliseconds: UInt64) {
        self.init(timeIntervalSince1970: Double(milliseconds) / 1000)
    }
}
