"""The portal: all sensors asked at once, one answer, and an API that shows each caller what he may see."""
