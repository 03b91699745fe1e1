"""The upload handler for pages that expect no files."""

from django.core.files.uploadhandler import FileUploadHandler, SkipFile


class RefuseFiles(FileUploadHandler):
    """Discard all files; the form's other fields arrive as usual.

    As the only default handler it keeps anonymous clients from filling the temporary disk through
    the log-in form. Views that accept files set `request.upload_handlers` before anything reads
    `request.POST`.
    """

    def new_file(self, *args, **kwargs):
        raise SkipFile

    def receive_data_chunk(self, raw_data, start):
        raise SkipFile

    def file_complete(self, file_size):
        return None
