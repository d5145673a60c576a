func demo(_ arguments: Arguments) -> ExitStatus { .failure }
