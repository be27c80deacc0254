"""Where events rest between the application and the collector: a folder of files, one writer each."""
