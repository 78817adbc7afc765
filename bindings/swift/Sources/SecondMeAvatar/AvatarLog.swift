internal import SecondMeAvatarCore

/// The library's own log: what `SECONDME_LOG` lets through (`debug`, or `warn,secondme_avatar::socket=trace`). It holds
/// no secret and nothing that people say.
public enum AvatarLog {
    /// A line of the log.
    public struct Record: Sendable {
        /// How severe it is.
        public let level: Level
        /// The part of the library, such as `secondme_avatar::socket`.
        public let target: String
        /// The text, with its fields at the end.
        public let message: String
    }

    /// How severe it is.
    public enum Level: String, Sendable {
        /// Something is wrong.
        case error
        /// Something may be wrong.
        case warn
        /// For operators.
        case info
        /// For finding a fault.
        case debug
        /// Everything.
        case trace
    }

    /// Hands the log on, a line after the other, for as long as the process lives. There is one log in a process: the
    /// newest call gets it, with its filter, and the one before gets no more.
    ///
    /// ```swift
    /// let logger = Logger(subsystem: "com.example.app", category: "avatar")
    /// AvatarLog.forward { logger.notice("\($0.target): \($0.message)") }
    /// ```
    ///
    /// - Parameter filter: what is let through where `SECONDME_LOG` is not set.
    /// - Returns: false where something else in the process collects the core's log already.
    @discardableResult
    public static func forward(
        filter: String = "secondme_avatar=info", to sink: @escaping @Sendable (Record) -> Void
    ) -> Bool {
        guard let log = installLog(filter: filter) else { return false }
        Task.detached(priority: .utility) {
            repeat {
                let batch = log.drain(max: batchSize)
                if batch.lost > 0 {
                    let message = "\(batch.lost) lines were lost: they came faster than they were taken"
                    sink(Record(level: .warn, target: "secondme_avatar", message: message))
                }
                for record in batch.records { sink(Record(record)) }
            } while await log.ready()
        }
        return true
    }
}

extension AvatarLog.Record {
    init(_ core: CoreLogRecord) {
        let level: AvatarLog.Level =
            switch core.level {
            case .error: .error
            case .warn: .warn
            case .info: .info
            case .debug: .debug
            case .trace: .trace
            }
        self.init(level: level, target: core.target, message: core.message)
    }
}
