import Foundation

/// The files of a store: the database and what SQLite and this library keep beside it.
func storeFiles(of store: String) -> [URL] {
    let url = URL(fileURLWithPath: store)
    let folder = url.deletingLastPathComponent()
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0 == url.lastPathComponent || $0.hasPrefix(url.lastPathComponent + "-") }
        .map { folder.appendingPathComponent($0) }
}

/// On an iPhone or iPad a store goes into no backup, and can be read from the first unlocking after a start on: it holds
/// visitors' tokens and what they said, and is needed in the background too.
///
/// What the system refuses is no reason to have no client, so it is left as it is.
func protect(store: String) {
    #if os(iOS)
        for var file in storeFiles(of: store) {
            var values = URLResourceValues()
            values.isExcludedFromBackup = true
            try? file.setResourceValues(values)
            try? FileManager.default.setAttributes(
                [.protectionKey: FileProtectionType.completeUntilFirstUserAuthentication], ofItemAtPath: file.path)
        }
    #endif
}
