// What a failing disk under an answer means for the object that was being sent.
import DiskCache
import HTTPServer

extension StoredObject: FileRegionOwner {
    /// Its client could not be saved; the next one gets the object fetched anew.
    package func fileFailed() { reportDamage() }
}
