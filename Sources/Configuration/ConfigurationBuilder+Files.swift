// Checks of the files and folders that settings name: what this process would find when it starts now.
import Gateway
import Glibc

extension ConfigurationBuilder {
    /// A folder that is not there yet may be on a file system that is mounted later: that keeps nobody from starting.
    mutating func checkFolder(_ path: String, at name: String) {
        guard looksAtFiles else { return }
        var status = stat()
        // stat fills one structure.
        if unsafe stat(path, &status) != 0 {
            let reason = unsafe String(cString: strerror(errno))
            warnings.append(
                Problem(
                    "`\(name)`: \(path): \(reason); nothing is found there until it is there",
                    at: values.place(name)))
        } else if status.st_mode & S_IFMT != S_IFDIR {
            problem("\(path) is not a folder", at: name)
        } else if unsafe access(path, R_OK | X_OK) != 0 {
            problem("\(path) can't be read by this user", at: name)
        }
    }

    mutating func checkFile(_ path: String?, at name: String) {
        guard looksAtFiles, let path, let mode = mode(of: path, at: name) else { return }
        if mode & S_IFMT == S_IFDIR { problem("\(path) is a folder, not a file", at: name) }
        if unsafe access(path, R_OK) != 0 { problem("\(path) can't be read by this user", at: name) }
    }

    /// A file that holds a secret.
    mutating func checkSecret(_ path: String?, at name: String) {
        checkFile(path, at: name)
        guard looksAtFiles, let path else { return }
        var status = stat()
        // stat fills one structure.
        guard unsafe stat(path, &status) == 0 else { return }
        if status.st_mode & 0o007 != 0 {
            problem("\(path) is open to every user of this machine: chmod o-rwx it", at: name)
        }
    }

    /// The tokens of the front door. A file that can't be read has been told before.
    mutating func checkTokens(_ path: String) {
        guard looksAtFiles, unsafe access(path, R_OK) == 0 else { return }
        guard let file = TokenFile(path: path) else {
            problem(
                "\(path) can't be read or has more than \(ByteText.write(Int64(TokenFile.largestSize))), "
                    + "so that nobody would be let in", at: "access.path")
            return
        }
        for line in file.malformedLines.prefix(20) {
            problem(
                "\(path):\(line): a line has a token, or a name and a token; this has more words", at: "access.path")
        }
        if file.names.isEmpty { problem("\(path) holds no token, so that nobody would be let in", at: "access.path") }
    }

    private mutating func mode(of path: String, at name: String) -> mode_t? {
        var status = stat()
        // stat fills one structure.
        guard unsafe stat(path, &status) == 0 else {
            problem("\(path): \(unsafe String(cString: strerror(errno)))", at: name)
            return nil
        }
        return status.st_mode
    }
}
