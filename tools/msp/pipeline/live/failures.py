"""What Google's clients raise, as errors for people."""

from collections.abc import Iterator
from contextlib import contextmanager

import google.auth.exceptions
import requests.exceptions
from google.api_core import exceptions

from msp.errors import MspError

_CHANGED = "it was changed by someone else at the same time; run this again"
_HINTS = {
    401: "run: gcloud auth application-default login",
    403: "ask for roles/clouddeploy.admin and roles/storage.admin in the pipeline's project",
    404: "is the project right, and is the Cloud Deploy API enabled in it?",
    409: _CHANGED,
    412: _CHANGED,
}


class CloudError(MspError):
    """Google's services refused, or could not be reached."""


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turns what Google's clients raise into an error about `what`."""
    try:
        yield
    except CloudError as error:
        raise CloudError(f"{what}: {error.message}", hint=error.hint) from error
    except exceptions.RetryError as error:
        # The cause of a failed connection is long, and says no more than its type.
        cause = getattr(error.cause, "message", None) or type(error.cause).__name__
        raise CloudError(f"{what}: no answer in time ({cause})", hint="is there a network?") from error
    except exceptions.GoogleAPICallError as error:
        raise CloudError(f"{what}: {error.message}", hint=_HINTS.get(error.code or 0, "")) from error
    except requests.exceptions.RequestException as error:
        raise CloudError(f"{what}: can't be reached ({type(error).__name__})", hint="is there a network?") from error
    except google.auth.exceptions.GoogleAuthError as error:
        raise CloudError(f"{what}: Google does not take these credentials", hint=_HINTS[401]) from error
