// The commands of the cache: what is said of each. All of them talk to the running gateway through its admin listener.
import Configuration

extension Command {
    private static let json = Option("json", "Print JSON.")
    private static let ways = """
        It asks the running gateway, which it finds by the configuration that the gateway was started with (--config), or
        by --admin and --token-file.
        """
    private static let changes = "It needs the token of admin.token_file.\n" + ways

    static let cache: [Command] = [
        Command(
            name: "cache stats", operands: "", summary: "Print what the cache holds, in numbers.",
            details:
                "Prints sizes by class of objects and by backend, and what was evicted, damaged and not stored.\n\(ways)",
            options: AdminClient.options + [json, helpOption],
            examples: ["wadogate cache stats", "wadogate cache stats --json --admin http://127.0.0.1:9090"],
            run: cacheStats),
        Command(
            name: "cache list", operands: "", summary: "List the series in the cache.",
            details: """
                Prints a line for each series that the options select, all of them if there are none. With --json it is one
                JSON object a line, for any number of series.
                \(ways)
                """,
            options: CacheSelectionOptions.all
                + [Option("limit", value: "NUMBER", "At most so many; 1000 if left out, with --json all.")]
                + AdminClient.options + [json, helpOption],
            examples: [
                "wadogate cache list --older-than 30d", "wadogate cache list --patient Patient/7 --json | jq .bytes",
            ],
            run: cacheList),
        Command(
            name: "cache show", operands: "STUDY", summary: "Show what the cache holds of a study.",
            details: "Prints the study's series with their objects by class and backend.\n\(ways)",
            options: [Option("objects", "Print each object too, as its file describes it.")]
                + AdminClient.options + [json, helpOption],
            examples: ["wadogate cache show 1.2.840.113619.2.1 --objects"], run: cacheShow),
        Command(
            name: "cache purge", operands: "", summary: "Remove what the options select from the cache.",
            details: """
                Removes objects, pinned or not, and stores nothing of what is being fetched of them; the next request fetches
                anew. On a terminal it says first what would go, and asks. Archives are not touched.
                \(changes)
                """,
            options: CacheSelectionOptions.all + [
                Option("all", "Everything."), Option("dry-run", "Only say what would go."),
                Option("yes", letter: "y", "Do not ask."),
            ] + AdminClient.options + [json, helpOption],
            examples: [
                "wadogate cache purge --study 1.2.840.113619.2.1", "wadogate cache purge --class rendered --dry-run",
                "wadogate cache purge --backend old-archive --older-than 30d --yes",
            ],
            run: cachePurge),
        pin("pin", "Keep studies, series or a patient's studies from being evicted.", cachePin),
        pin("unpin", "Take pins back.", cacheUnpin),
        Command(
            name: "cache pins", operands: "", summary: "List what is pinned.",
            details: "Prints the pins, each as `cache pin` takes it.\n\(ways)",
            options: AdminClient.options + [json, helpOption], examples: ["wadogate cache pins"], run: cachePins),
        Command(
            name: "cache verify", operands: "", summary: "Read stored objects whole, and drop those that are damaged.",
            details: """
                Reads what the options select, everything if there are none, as fast as the disk allows, and compares it with
                the checksums under which it was stored. What is damaged is dropped, and fetched anew when it is wanted. The
                gateway goes on to the end if this is interrupted. It exits with 0 when nothing was damaged.
                \(changes)
                """,
            options: CacheSelectionOptions.all + AdminClient.options + [json, helpOption],
            examples: ["wadogate cache verify", "wadogate cache verify --study 1.2.840.113619.2.1"], run: cacheVerify),
        warm,
    ]

    private static func pin(
        _ word: String, _ summary: String, _ run: @escaping @Sendable (Arguments) -> ExitStatus
    ) -> Command {
        Command(
            name: "cache \(word)", operands: "[STUDY[/SERIES]…]", summary: summary,
            details: """
                A pin holds for what is in the cache and for what is yet to come, over restarts, until it is taken back. What
                is pinned still counts towards the cache's size, and a purge removes it.
                \(changes)
                """,
            options: [
                Option(
                    "patient", value: "REF", isRepeatable: true,
                    "All studies of this patient, as their records name the subject: Patient/7.")
            ] + AdminClient.options + [helpOption],
            examples: ["wadogate cache \(word) 1.2.840.113619.2.1", "wadogate cache \(word) --patient Patient/7"],
            run: run)
    }

    private static let warm = Command(
        name: "cache warm", operands: "STUDY[/SERIES]… | -", summary: "Bring studies or series into the cache.",
        details: """
            The running gateway fetches what is named by the cheapest plan, as for a client that wants all of it; what is there
            already is not fetched again. With - the names come from standard input, one a line. On a terminal a bar tells how
            far it is; elsewhere a line for each item that has ended. Ctrl-C ends it in good order: what has come is kept.
            It exits with 0 when all came, and with 1 when some did not.
            \(changes)
            """,
        options: [
            Option("jobs", letter: "j", value: "NUMBER", "Studies or series at once, 1 to 16; 2 if left out."),
            Option("rate", value: "RATE", "At most so much a second from the archives, such as 20MiB/s."),
            Option(
                "resume", value: "FILE",
                "Note in this file what is done, and pass over what an earlier run has noted there."),
        ] + AdminClient.options + [
            Option("json", "Print a JSON object a line as it goes on, and one with the sums."), helpOption,
        ],
        examples: [
            "wadogate cache warm 1.2.840.113619.2.1",
            "tomorrows-studies | wadogate cache warm --rate 20MiB/s --resume tomorrow.done -",
        ],
        run: cacheWarm)
}
