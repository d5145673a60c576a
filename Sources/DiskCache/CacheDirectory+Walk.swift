// A walk over the tree of objects in the order of names, which can begin where another one ended. Reads no file.
import CachePolicy
import EventLoop
import Glibc

extension CacheDirectory {
    /// What a walk comes by.
    enum Found {
        /// A regular file in an object's place.
        case object(name: FileName, folder: Descriptor, path: [String])
        /// What stands where the cache puts nothing of that kind; with its path.
        case foreign(String)
        /// A folder that can't be entered.
        case unreadable(String, SystemError)
    }

    /// Calls `visit` with what there is until it answers false; true at the end. Memory holds the names of one folder at
    /// each level. What appears behind the walk's back is not seen.
    ///
    /// - Parameters:
    ///   - start: the folder to walk, as components from the tenant; empty for all.
    ///   - cursor: the path of an object; the walk begins behind it. Empty for the beginning.
    func walk(below start: [String] = [], after cursor: [String] = [], _ visit: (Found) -> Bool) -> Bool {
        guard let folder = start.isEmpty ? objects : try? objects.openDirectory(FileName(start)) else { return true }
        return walk(folder, start, after: cursor[...], visit)
    }

    private func walk(
        _ folder: Descriptor, _ path: [String], after cursor: ArraySlice<String>, _ visit: (Found) -> Bool
    ) -> Bool {
        var entries: [(text: String, name: FileName)] = []
        folder.forEachEntry { entries.append(($0.description, $0)) }
        entries.sort { $0.text < $1.text }
        for (text, name) in entries {
            let rest = cursor.first == text ? cursor.dropFirst() : []
            if let first = cursor.first, text < first || (text == first && rest.isEmpty) { continue }
            guard let status = folder.status(of: name) else { continue }
            guard look(at: name, status, in: folder, path + [text], after: rest, visit) else { return false }
        }
        return true
    }

    private func look(
        at name: FileName, _ status: stat, in folder: Descriptor, _ path: [String], after cursor: ArraySlice<String>,
        _ visit: (Found) -> Bool
    ) -> Bool {
        switch ObjectPath.place(of: path) {
        case .folder where status.isDirectory:
            do throws(SystemError) {
                return walk(try folder.openDirectory(name), path, after: cursor, visit)
            } catch {
                // Removed meanwhile, as series are.
                return error.code == ENOENT || visit(.unreadable(path.joined(separator: "/"), error))
            }
        case .object where status.isRegularFile: return visit(.object(name: name, folder: folder, path: path))
        case .document where status.isRegularFile: return true
        default: return visit(.foreign(path.joined(separator: "/")))
        }
    }
}
