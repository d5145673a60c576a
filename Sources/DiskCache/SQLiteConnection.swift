// SQLite, as little of it as the accounting needs. Knows no table.
import CSQLite

/// A failed call of SQLite.
struct SQLiteError: Error, CustomStringConvertible {
    let code: Int32
    let message: String

    var description: String { "SQLite: \(message) (\(code))" }

    /// There is no room on the disk now.
    var isFull: Bool { code & 0xff == SQLITE_FULL }
}

/// One connection; used by one thread at a time.
@safe final class SQLiteConnection {
    private let handle: OpaquePointer

    /// Opens or makes a database; ":memory:" is one that is never on disk.
    init(path: String) throws(SQLiteError) {
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW
        // The handle is made even on failure, and must be closed then.
        let code = unsafe sqlite3_open_v2(path, &handle, flags, nil)
        guard code == SQLITE_OK, let handle = unsafe handle else {
            unsafe _ = sqlite3_close_v2(handle)
            throw SQLiteError(code: code, message: "can't open \(path)")
        }
        unsafe self.handle = handle
        unsafe _ = sqlite3_busy_timeout(handle, 2000)
    }

    // Statements keep their connection alive, and close_v2 waits for the last of them.
    deinit { unsafe _ = sqlite3_close_v2(handle) }

    /// Runs statements that answer nothing.
    func execute(_ sql: String) throws(SQLiteError) {
        // The handle is open as long as this object lives.
        let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code) }
    }

    func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        var statement: OpaquePointer?
        // The handle is open as long as this object lives; the statement keeps it.
        let code = unsafe sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement = unsafe statement else { throw error(code) }
        return unsafe SQLiteStatement(statement, of: self)
    }

    fileprivate func error(_ code: Int32) -> SQLiteError {
        // The message is copied before the next call on this connection.
        SQLiteError(code: code, message: unsafe String(cString: sqlite3_errmsg(handle)))
    }
}

/// A prepared statement; used by one thread at a time.
@safe final class SQLiteStatement {
    enum Value {
        case text(String)
        case integer(Int64)
    }

    private let handle: OpaquePointer
    private let connection: SQLiteConnection

    fileprivate init(_ handle: OpaquePointer, of connection: SQLiteConnection) {
        unsafe self.handle = handle
        self.connection = connection
    }

    deinit { unsafe _ = sqlite3_finalize(handle) }

    /// Runs the statement to its end, with values for `?1`, `?2`…; `row` is called for each row, within which the columns
    /// can be read.
    func run(_ values: [Value] = [], row: (SQLiteStatement) -> Void = { _ in }) throws(SQLiteError) {
        try runUntil(values) {
            row($0)
            return false
        }
    }

    /// The same until `isEnough` answers true to a row.
    func runUntil(_ values: [Value] = [], _ isEnough: (SQLiteStatement) -> Bool) throws(SQLiteError) {
        // Reset also clears the outcome of an earlier, failed run. All calls are on this object's own, open handle.
        defer { unsafe _ = sqlite3_reset(handle) }
        for (index, value) in values.enumerated() {
            let code =
                switch value {
                case .text(let text):
                    unsafe csqlite_bind_text_copy(handle, Int32(index + 1), text, Int32(clamping: text.utf8.count))
                case .integer(let number): unsafe sqlite3_bind_int64(handle, Int32(index + 1), number)
                }
            guard code == SQLITE_OK else { throw connection.error(code) }
        }
        while true {
            let code = unsafe sqlite3_step(handle)
            if code == SQLITE_DONE { return }
            guard code == SQLITE_ROW else { throw connection.error(code) }
            if isEnough(self) { return }
        }
    }

    /// A column of the present row; 0 for NULL.
    func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }

    /// A column of the present row; empty for NULL.
    func text(_ column: Int32) -> String {
        // The text lives until the next step, and is copied here.
        guard let text = unsafe sqlite3_column_text(handle, column) else { return "" }
        return unsafe String(cString: text)
    }
}
