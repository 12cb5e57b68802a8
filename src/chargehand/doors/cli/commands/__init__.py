"""One verb per module: ``arguments(parser)`` declares it, ``run(args)`` does it and returns the exit code.

Only the module of the verb that was typed is imported, so that quick commands stay quick.
"""
