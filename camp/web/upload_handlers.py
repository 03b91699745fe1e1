"""What happens to files sent to a page that expects none."""

from django.core.files.uploadhandler import FileUploadHandler, SkipFile


class RefuseFiles(FileUploadHandler):
    """Skip the bytes of every file; the form's other fields arrive as usual.

    As the only handler in FILE_UPLOAD_HANDLERS it keeps strangers from filling the disk
    for temporary files through the log-in form. A view that takes files sets
    `request.upload_handlers` before anything reads `request.POST`.
    """

    def new_file(self, *args, **kwargs):
        raise SkipFile

    def receive_data_chunk(self, raw_data, start):
        raise SkipFile

    def file_complete(self, file_size):
        return None
