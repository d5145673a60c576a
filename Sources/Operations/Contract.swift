// The owner's first file replaces this one.
